"""Items' features follow what happened, however it is told: all at once or bit by bit."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from little_market import DAY, ITEMS, NOW, event

from ml.serving.engine.featuring import ItemRows

HAPPENED = st.lists(
    st.builds(
        event, st.sampled_from(["u003", "u007", "somebody new", None]), st.sampled_from([*ITEMS[:6], "of no catalogue"]),
        st.sampled_from(["view", "purchase"]), st.integers(NOW, NOW + DAY), session_id=st.sampled_from(["s", "t"]),
    ),
    min_size=1, max_size=12, unique_by=lambda each: each.occurred_at,
)  # fmt: skip


class Feed:
    """What happened so far."""

    def __init__(self):
        self.told = []

    def since(self, sequence, limit=10_000):
        return [(at, told) for at, told in enumerate(self.told, 1) if at > sequence][:limit]


@settings(max_examples=25, deadline=None)
@given(events=HAPPENED, cuts=st.sets(st.integers(1, 11), max_size=3))
def test_told_bit_by_bit_is_told_at_once(market, events, cuts):
    moment, whole, bits = NOW + 2 * DAY, Feed(), Feed()
    whole.told = events
    at_once, rested = ItemRows(market.release.featuring), []
    assert at_once.refresh(whole, moment) == len(events)
    bit_by_bit = ItemRows(market.release.featuring)
    for stop in [*sorted(cut for cut in cuts if cut < len(events)), len(events)]:
        bits.told = events[:stop]
        bit_by_bit.refresh(bits, moment, lambda: rested.append(None))
    np.testing.assert_allclose(bit_by_bit.rows, at_once.rows, rtol=1e-6)
    assert rested


def test_nothing_is_computed_where_nothing_happened(market):
    rows = ItemRows(market.release.featuring)
    before = rows.rows
    assert rows.refresh(Feed(), NOW + 1) == 0
    assert rows.rows is before
