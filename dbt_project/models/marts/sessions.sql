select
    session_id,
    arg_min(user_id, session_position) as user_id,
    bool_or(known_user) as known_user,
    arg_min(place_id, session_position) as place_id,
    min(occurred_at) as started_at,
    max(occurred_at) as ended_at,
    cast(count(*) as integer) as event_count,
    coalesce(sum(value), 0) as value,
    list(item_id order by session_position) as item_ids
from {{ ref('events') }}
group by session_id
