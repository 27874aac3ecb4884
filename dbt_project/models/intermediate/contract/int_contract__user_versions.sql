with landed as (

    select
        "user".*,
        partition.known_from,
        partition.landed_at
    from {{ staged('users') }} as "user"
    inner join {{ ref('int_contract__partitions') }} as partition
        on
            "user".partition_id = partition.partition_id
            and partition.table_name = 'users'

)

select
    user_id,
    known_from,
    coalesce(attributes, '{}') as attributes,
    consent
from landed
qualify row_number() over (
    partition by user_id, known_from
    order by landed_at desc, partition_id
) = 1
