{#- Where there is a value in any of these columns, it lies between the two bounds, ends included (either may be left
    out; single precision is allowed a hair). -#}
{% test within(model, columns, low=none, high=none) %}

select {{ columns | join(', ') }}
from {{ model }}
where false
    {%- for column in columns %}
    {%- if low is not none %}
    or {{ column }} < {{ low }} - 1e-6
    {%- endif %}
    {%- if high is not none %}
    or {{ column }} > {{ high }} + 1e-6
    {%- endif %}
    {%- endfor %}

{% endtest %}
