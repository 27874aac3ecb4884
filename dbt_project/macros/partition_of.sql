{#- The landing partition that a file belongs to: the name of its folder. -#}
{% macro partition_of(filename) -%}
    split_part({{ filename }}, '/', -2)
{%- endmacro %}
