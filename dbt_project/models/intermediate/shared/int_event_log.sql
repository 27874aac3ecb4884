{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    pre_hook="{{ forget_stale_snapshots() }}"
) }}

with missing as (

    {{ missing_snapshots(only_last=true) }}

),

known as (

    select
        event.*,
        missing.as_of,
        missing.fingerprint
    from {{ domain_ref('events') }} as event
    inner join missing
        on event.occurred_at < missing.as_of
    -- An event that landed twice is what it was the first time.
    qualify row_number() over (partition by event.event_id order by event.landed_at, event.partition_id) = 1

),

promoted as (

    select distinct known.event_id
    from known
    inner join {{ domain_ref('placements') }} as placement
        on
            known.item_id = placement.item_id
            and known.place_id = placement.place_id
            and known.occurred_at >= placement.valid_from
            and known.occurred_at < placement.valid_to

),

described as (

    -- An event is described by the catalogue as it was known when it happened.
    select
        known.*,
        version.category,
        version.brand,
        coalesce(version.private_brand, false) as private_brand
    from known
    left join {{ domain_ref('item_versions') }} as version
        on
            known.item_id = version.item_id
            and known.occurred_at >= version.known_from
            and known.occurred_at < version.known_until

)

select
    described.event_id,
    described.user_id,
    described.known_user,
    described.session_id,
    described.item_id,
    described.event_type,
    described.occurred_at,
    {{ day_of('described.occurred_at') }} as day,
    described.value,
    described.quantity,
    described.seconds,
    described.discount,
    coalesce(described.value, 0) + coalesce(described.discount, 0) as list_value,
    described.place_id,
    described.device,
    described.channel,
    described.slate_id,
    described.category,
    described.brand,
    described.private_brand,
    promoted.event_id is not null as promoted,
    cast(row_number() over (
        partition by described.session_id
        order by described.occurred_at, described.event_id
    ) as integer) as session_position,
    -- The first event of its type in the user's session, and of the user with the item.
    row_number() over (
        partition by described.user_id, described.session_id, described.event_type
        order by described.occurred_at, described.event_id
    ) = 1 as opens_session,
    row_number() over (
        partition by described.user_id, described.item_id, described.event_type
        order by described.occurred_at, described.event_id
    ) = 1 as opens_pair,
    described.as_of,
    described.fingerprint
from described
left join promoted
    on described.event_id = promoted.event_id
