{{ config(materialized='view') }}

select
    event_id,
    user_id,
    known_user,
    session_id,
    session_position,
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
    category,
    brand,
    private_brand,
    promoted,
    slate_id
from {{ ref('int_event_log') }}
