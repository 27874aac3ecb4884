with landed as (

    select
        interaction.*,
        partition.landed_at
    from {{ staged('interactions') }} as interaction
    inner join {{ ref('int_contract__partitions') }} as partition
        on
            interaction.partition_id = partition.partition_id
            and partition.table_name = 'interactions'

),

identified as (

    select
        * replace (
            -- A source without sessions: what a user did on one day.
            coalesce(
                session_id,
                user_id || '/' || {{ day_of('occurred_at') }},
                event_id
            ) as session_id
        ),
        user_id is not null as known_user
    from landed

)

select
    event_id,
    coalesce(user_id, 'session:' || session_id) as user_id,
    known_user,
    session_id,
    item_id,
    event_type,
    occurred_at,
    value,
    quantity,
    seconds,
    discount,
    place_id,
    device,
    channel,
    slate_id,
    landed_at,
    partition_id
from identified
