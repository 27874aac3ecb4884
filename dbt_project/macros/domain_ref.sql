{#- The model through which the domain of this run meets the shared contract: `domain_ref('events')` is
    `int_retail__events` where the domain is retail. Marts never name a domain. -#}
{% macro domain_ref(name) -%}
    {{ ref('int_' ~ var('domain') ~ '__' ~ name) }}
{%- endmacro %}
