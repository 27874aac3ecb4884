select
    state.user_id,
    -- What was known before the source's first moment was known all along.
    greatest(state.valid_from, timestamp '1970-01-01') as valid_from,
    state.attributes
from {{ domain_ref('user_states') }} as state
inner join {{ ref('int_snapshots') }} as snapshot
    on
        snapshot.is_last
        and state.valid_from < snapshot.as_of
