{#- Days are the source's: they begin at the hour that the variable `day_starts_at_hour` says, and are numbered. -#}
{% macro day_of(timestamp) -%}
    cast(floor((epoch_us({{ timestamp }}) / 3600e6 - {{ var('day_starts_at_hour') }}) / 24) as integer)
{%- endmacro %}

{% macro days_between(earlier, later) -%}
    ((epoch_us({{ later }}) - epoch_us({{ earlier }})) / 86400e6)
{%- endmacro %}

{#- The instants that this run was asked for, as a list of TIMESTAMP (UTC). -#}
{% macro requested_snapshots() -%}
    {%- if execute and not var('snapshots') -%}
        {{ exceptions.raise_compiler_error(
            "the variable `snapshots` is empty: run dbt with the vars that ml.steps.features.plan returns (`slate features`)"
        ) }}
    {%- endif -%}
    [{% for moment in var('snapshots') %}cast('{{ moment }}' as timestamp){{ ', ' if not loop.last }}{% endfor %}]::timestamp[]
{%- endmacro %}
