{#- A domain has models of its own only where it differs from the landing contract: `own_models` names them, and every
    other is the contract's. Marts never name a domain. -#}

{#- The model through which the domain of this run meets the shared contract: `domain_ref('events')` is
    `int_<domain>__events` where the domain has it, else `int_contract__events`. -#}
{% macro domain_ref(name) -%}
    {{ own_or_contract('int', name) }}
{%- endmacro %}

{#- The same for a landing table, renamed and typed. -#}
{% macro staged(name) -%}
    {{ own_or_contract('stg', name) }}
{%- endmacro %}

{% macro own_or_contract(layer, name) -%}
    {%- set own = layer ~ '_' ~ var('domain') ~ '__' ~ name -%}
    {{ ref(own if own in var('own_models') else layer ~ '_contract__' ~ name) }}
{%- endmacro %}
