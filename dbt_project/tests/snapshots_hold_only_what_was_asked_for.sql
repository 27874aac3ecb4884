-- Every row of a snapshot mart was made for a moment of this run, from what that moment can see now.
{% for mart in ['user_features', 'item_features', 'user_item_features', 'user_category_features', 'item_placements'] %}
select '{{ mart }}' as mart, found.as_of, found.fingerprint
from (select distinct as_of, fingerprint from {{ ref(mart) }}) as found
anti join {{ ref('int_snapshots') }} using (as_of, fingerprint)
{{ 'union all' if not loop.last }}
{% endfor %}
