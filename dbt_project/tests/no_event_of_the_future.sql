-- Nothing that happened at or after the run's as-of may be in the events mart.
select event_id, occurred_at
from {{ ref('events') }}
where occurred_at >= (select max(as_of) from {{ ref('int_snapshots') }})
