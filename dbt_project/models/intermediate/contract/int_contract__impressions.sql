with landed as (

    select
        impression.*,
        partition.landed_at
    from {{ staged('impressions') }} as impression
    inner join {{ ref('int_contract__partitions') }} as partition
        on
            impression.partition_id = partition.partition_id
            and partition.table_name = 'impressions'

)

select
    slate_id,
    -- As events name somebody unknown; without a session, each slate is a visit of its own.
    coalesce(user_id, 'session:' || coalesce(session_id, slate_id)) as user_id,
    user_id is not null as known_user,
    session_id,
    item_id,
    "position",
    score,
    sources,
    propensity,
    coalesce(explored, false) as explored,
    rules,
    model_version,
    placement,
    device,
    channel,
    degraded,
    shown_at
from landed
-- What was written twice, as by a process that was killed midway, was shown once.
qualify row_number() over (partition by slate_id, item_id order by landed_at, partition_id, "position") = 1
