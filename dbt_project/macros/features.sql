{#- SQL from the feature declarations (the variable `features`). Each aggregation has a streaming twin in
    ml/features/fold.py: whoever changes one changes the other, and the parity test compares them. -#}

{#- The whole query of one entity's mart: events known at each moment, aggregated, then derived from one another.
    `event` and `moment` are the aliases that the aggregate expressions use. -#}
{% macro feature_mart(entity) -%}
{%- set declared = var('features')[entity] -%}
with missing as (

    {{ missing_snapshots() }}

),

aggregated as (

    select
        {% for key in declared['keys'] %}event.{{ key }}, {% endfor %}
        moment.as_of,
        {%- for name, feature in declared['features'].items() if is_aggregate(feature) %}
        {{ aggregate(feature) }} as {{ 'span__' ~ name if feature['aggregation'] == 'mean_interval' else name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from missing as moment
    inner join {{ ref('int_event_log') }} as event
        on event.occurred_at < moment.as_of
    where event.event_type in ({{ event_types(declared['features']) }})
        {%- for key in declared['keys'] %}
        and event.{{ key }} is not null
        {%- endfor %}
        {%- if 'known_user' in declared.get('requires', []) %}
        and event.known_user
        {%- endif %}
    group by {% for key in declared['keys'] %}event.{{ key }}, {% endfor %}moment.as_of

),

joined as (

    select
        own.*{{ parent_columns(declared['features']) }}
    from aggregated as own
    {{- parent_joins(declared['features']) }}

),

derived as (

    select
        *{{ derivations(declared['features']) }}
    from joined

)

select
    {% for key in declared['keys'] %}{{ key }}, {% endfor %}
    as_of,
    {%- for name, feature in declared['features'].items() if not feature.get('internal') %}
    cast({{ name }} as {{ feature_type(feature) }}) as {{ name }},
    {%- endfor %}
    missing.fingerprint
from derived
inner join missing using (as_of)
{%- endmacro %}

{% macro is_aggregate(feature) -%}
    {{ return('events' in feature) }}
{%- endmacro %}

{#- Features are single precision: that is what models read. -#}
{% macro feature_type(feature) -%}
    {{- 'varchar' if feature['aggregation'] == 'last_value' else 'float' -}}
{%- endmacro %}

{#- Every event type that some feature of these counts, as a list of literals. -#}
{% macro event_types(features) -%}
    {%- set found = [] -%}
    {%- for feature in features.values() -%}
        {%- do found.extend(feature.get('events', [])) -%}
    {%- endfor -%}
    {{- literals(found | unique) -}}
{%- endmacro %}

{% macro literals(values) -%}
    {%- for value in values %}'{{ value }}'{{ ', ' if not loop.last }}{% endfor -%}
{%- endmacro %}

{% macro aggregate(feature) -%}
    {%- set kind = feature['aggregation'] -%}
    {%- if kind == 'count' and not feature.get('half_life_days') -%}
        count(*) filter ({{ event_condition(feature) }})
    {%- elif kind in ('count', 'sum') -%}
        coalesce(sum({{ amount(feature) }}) filter ({{ event_condition(feature) }}), 0)
    {%- elif kind == 'days_since_last' -%}
        {{ days_between('max(event.occurred_at) filter (' ~ event_condition(feature) ~ ')', 'moment.as_of') }}
    {%- elif kind == 'days_since_first' -%}
        {{ days_between('min(event.occurred_at) filter (' ~ event_condition(feature) ~ ')', 'moment.as_of') }}
    {%- elif kind == 'mean_interval' -%}
        {{ days_between(
            'min(event.occurred_at) filter (' ~ event_condition(feature) ~ ')',
            'max(event.occurred_at) filter (' ~ event_condition(feature) ~ ')'
        ) }}
    {%- elif kind == 'last_value' -%}
        {#- At the same instant the greatest event_id decides, so that the order of arrival never does. -#}
        arg_max(event.{{ feature['of'] }}, (event.occurred_at, event.event_id)) filter ({{ event_condition(feature) }})
    {%- else -%}
        {{ exceptions.raise_compiler_error("no SQL for the aggregation '" ~ kind ~ "'; see macros/features.sql") }}
    {%- endif -%}
{%- endmacro %}

{% macro amount(feature) -%}
    {%- set value = 'event.' ~ feature['of'] if feature['aggregation'] == 'sum' else '1' -%}
    {%- if feature.get('half_life_days') -%}
        {{ value }} * pow(2, -{{ days_between('event.occurred_at', 'moment.as_of') }} / {{ feature['half_life_days'] }})
    {%- else -%}
        {{ value }}
    {%- endif -%}
{%- endmacro %}

{% macro event_condition(feature) -%}
    where event.event_type in ({{ literals(feature['events']) }})
    {%- if feature.get('where') %} and event.{{ feature['where'] }}{% endif -%}
    {%- if feature.get('window_days') %} and event.day >= moment.day - {{ feature['window_days'] }}{% endif -%}
{%- endmacro %}

{#- Features made of features, in the order of their declaration: DuckDB lets a column use the aliases before it. -#}
{% macro derivations(features) -%}
    {%- for name, feature in features.items() -%}
        {%- set kind = feature['aggregation'] -%}
        {%- if kind == 'ratio' -%},
        {{ feature.get('scale', 1) }} * {{ operand(feature['numerator']) }} / nullif({{ operand(feature['denominator']) }}, 0) as {{ name }}
        {%- elif kind == 'difference' -%},
        {{ operand(feature['minuend']) }} - {{ operand(feature['subtrahend']) }} as {{ name }}
        {%- elif kind == 'mean_interval' -%},
        span__{{ name }} / nullif({{ operand(feature['occasions']) }} - 1, 0) as {{ name }}
        {%- elif kind == 'placement_share' -%},
        coalesce(placed__{{ feature['of'] }}, 0) as {{ name }}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{#- `category.purchases_84d` stands in the query as `category__purchases_84d`. -#}
{% macro operand(reference) -%}
    {{- reference | replace('.', '__') -}}
{%- endmacro %}

{#- Features of other entities that these are made of, as a list of `entity.feature`. -#}
{% macro parent_columns(features) -%}
    {%- for reference in foreign_parts(features) -%},
        parent_{{ reference }} as {{ operand(reference) }}
    {%- endfor -%}
    {%- for column in placement_columns(features) -%},
        placed.{{ column }} as placed__{{ column }}
    {%- endfor -%}
{%- endmacro %}

{% macro foreign_parts(features) -%}
    {%- set found = [] -%}
    {%- for feature in features.values() -%}
        {%- for part in [feature.get('numerator', ''), feature.get('denominator', '')] if '.' in part and part not in found -%}
            {%- do found.append(part) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{% macro placement_columns(features) -%}
    {{ return(features.values() | selectattr('aggregation', 'equalto', 'placement_share') | map(attribute='of') | unique | list) }}
{%- endmacro %}

{#- The entities whose features these refer to, joined by those entities' own keys. -#}
{% macro parent_joins(features) -%}
    {%- set parents = [] -%}
    {%- for part in foreign_parts(features) -%}{%- do parents.append(part.split('.')[0]) -%}{%- endfor -%}
    {%- for parent in parents | unique %}
    left join {{ ref(var('features')[parent]['mart']) }} as parent_{{ parent }}
        on own.as_of = parent_{{ parent }}.as_of
        {%- for key in var('features')[parent]['keys'] %}
        and own.{{ key }} = parent_{{ parent }}.{{ key }}
        {%- endfor %}
    {%- endfor -%}
    {%- if placement_columns(features) %}
    left join {{ ref('int_placement_shares') }} as placed
        on own.as_of = placed.as_of and own.item_id = placed.item_id
    {%- endif -%}
{%- endmacro %}
