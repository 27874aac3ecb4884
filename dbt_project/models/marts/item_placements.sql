{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    pre_hook="{{ forget_stale_snapshots() }}"
) }}

with missing as (

    {{ missing_snapshots() }}

)

select
    placement.item_id,
    placement.place_id,
    missing.as_of,
    bool_or(placement.on_display) as on_display,
    bool_or(placement.in_mailer) as in_mailer,
    missing.fingerprint
from missing
inner join {{ domain_ref('placements') }} as placement
    on
        missing.as_of >= placement.valid_from
        and missing.as_of < placement.valid_to
group by all
