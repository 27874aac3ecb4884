{#- Whether an expression is one of some words; none of them where there are no words. -#}
{% macro is_among(expression, words) -%}
    list_contains([{% for word in words %}'{{ word }}'{{ ', ' if not loop.last }}{% endfor %}]::varchar[], {{ expression }})
{%- endmacro %}
