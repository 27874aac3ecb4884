with landed as (

    select
        state.*,
        partition.landed_at
    from {{ staged('user_states') }} as state
    inner join {{ ref('int_contract__partitions') }} as partition
        on
            state.partition_id = partition.partition_id
            and partition.table_name = 'user_states'
    qualify row_number() over (
        partition by state.user_id, state.valid_from
        order by partition.landed_at desc, state.partition_id
    ) = 1

)

select
    user_id,
    valid_from,
    attributes
from landed

union all

-- Of whom no states landed, what landed about users holds from when it was known.
select
    version.user_id,
    version.known_from as valid_from,
    version.attributes
from {{ domain_ref('user_versions') }} as version
anti join landed
    on version.user_id = landed.user_id
