with shown as (

    select
        impression.*,
        impression.shown_at + interval ({{ var('attribution').window_days }}) day as window_ends_at,
        snapshot.as_of
    from {{ domain_ref('impressions') }} as impression
    inner join {{ ref('int_snapshots') }} as snapshot
        on
            snapshot.is_last
            and impression.shown_at < snapshot.as_of

),

-- An event that names a slate came after it, whatever its client's clock says: only the end of the window counts.
brought_about as (

    select
        shown.slate_id,
        shown.item_id,
        min(event.occurred_at) as clicked_at,
        min(event.occurred_at) filter (where {{ is_among('event.event_type', var('attribution').conversions) }}) as converted_at,
        sum(event.value) filter (where {{ is_among('event.event_type', var('attribution').conversions) }}) as value
    from shown
    inner join {{ ref('int_event_log') }} as event
        on
            shown.slate_id = event.slate_id
            and shown.item_id = event.item_id
            and event.occurred_at < shown.window_ends_at
    where {{ is_among('event.event_type', var('attribution').clicks) }}
    group by shown.slate_id, shown.item_id

)

select
    shown.slate_id,
    shown.user_id,
    shown.known_user,
    shown.session_id,
    shown.item_id,
    shown."position",
    shown.score,
    shown.sources,
    shown.propensity,
    shown.explored,
    shown.rules,
    shown.model_version,
    shown.placement,
    shown.device,
    shown.channel,
    shown.degraded,
    shown.shown_at,
    brought_about.clicked_at is not null as clicked,
    brought_about.clicked_at,
    brought_about.converted_at is not null as converted,
    brought_about.converted_at,
    coalesce(brought_about.value, 0) as value,
    shown.window_ends_at <= shown.as_of as settled
from shown
left join brought_about
    on
        shown.slate_id = brought_about.slate_id
        and shown.item_id = brought_about.item_id
