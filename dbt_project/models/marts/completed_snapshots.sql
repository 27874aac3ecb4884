{{ config(materialized='table') }}
-- The last model of a run: it exists only for snapshots all of whose marts were built and passed their tests.
{% for mart in [
    'events', 'sessions', 'items', 'users', 'user_states', 'user_features', 'item_features', 'user_item_features',
    'user_category_features', 'item_placements', 'impressions'
] %}
-- depends_on: {{ ref(mart) }}
{%- endfor %}

select
    as_of,
    fingerprint,
    definitions,
    plan
from {{ ref('int_snapshots') }}
