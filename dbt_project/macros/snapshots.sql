{#- Incremental by moment: a model keeps `as_of` and `fingerprint` on each row. A snapshot whose fingerprint is no
    longer the one of `int_snapshots` is deleted before the model runs, and only what is missing is computed. The
    deletion and the insertion may be cut off from each other by a kill: the next run then finds the snapshot missing. -#}

{#- Pre-hook: forget snapshots that are out of date or no longer asked for. -#}
{% macro forget_stale_snapshots() -%}
    {%- if is_incremental() -%}
    delete from {{ this }} as kept
    where not exists (
        select 1 from {{ ref('int_snapshots') }} as wanted
        where wanted.as_of = kept.as_of and wanted.fingerprint = kept.fingerprint
    )
    {%- else -%}
    select 1
    {%- endif -%}
{%- endmacro %}

{#- The snapshots that the model still has to compute; `only_last` for what is kept only as of the run itself. -#}
{% macro missing_snapshots(only_last=false) -%}
    select as_of, day, fingerprint
    from {{ ref('int_snapshots') }} as wanted
    where {{ 'is_last' if only_last else 'true' }}
    {%- if is_incremental() %}
        and not exists (
            select 1 from {{ this }} as kept
            where kept.as_of = wanted.as_of and kept.fingerprint = wanted.fingerprint
        )
    {%- endif %}
{%- endmacro %}
