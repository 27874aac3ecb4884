{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    pre_hook="{{ forget_stale_snapshots() }}"
) }}

{{ feature_mart('brand') }}
