from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.data.arrays import Ragged
from ml.data.dataset import Log, requests_for
from ml.data.facts import FactTable
from ml.data.holdings import Spans
from ml.domains.facts import Fact

CENTURY = 3_000_000_000_000_000  # microseconds since 1970: the year 2065


def log_of(events, users) -> Log:
    """Events as (user, at), in any order; the item of each is its position in the log."""
    events = np.array(sorted(events), np.int64).reshape(-1, 2)
    count = len(events)
    ones, zeros = np.ones(count, np.float32), np.zeros(count, np.int32)
    return Log(
        user=events[:, 0].astype(np.int32), item=np.arange(count, dtype=np.int32), at=events[:, 1], session=zeros,
        place=zeros, weight=ones, value=ones, target=np.ones(count, bool), users=users, items=max(count, 1),
    )  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), max_size=30),
    st.lists(st.tuples(st.integers(-1, 4), st.integers(0, 10)), min_size=1, max_size=10),
)
@settings(max_examples=100, deadline=None)
def test_a_request_knows_what_its_user_did_strictly_before(events, asked):
    log = log_of(events, 5)
    user, moment = np.array(asked, np.int64).T
    requests = requests_for(log, user.astype(np.int32), moment)
    for row, (who, when) in enumerate(asked):
        expected = np.flatnonzero((log.user == who) & (log.at < when)).tolist()
        assert requests.history.items[row].tolist() == expected


def test_a_hundred_thousand_users_do_not_outgrow_the_numbers():
    users = np.arange(100_000)
    log = log_of(np.stack([users, np.full(len(users), CENTURY)], axis=1).tolist(), len(users))
    requests = requests_for(log, users.astype(np.int32), np.full(len(users), CENTURY + 1))
    assert requests.history.items.lengths.tolist() == [1] * len(users)
    assert requests.history.item.tolist() == users.tolist()


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), max_size=30),
    st.lists(st.integers(-1, 4), min_size=1, max_size=8), st.data(),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_requests_between_two_are_those_that_would_be_taken(events, users, data):
    user = np.array(users, np.int32)
    requests = requests_for(log_of(events, 5), user, np.full(len(user), 8))
    lengths = np.arange(len(user)) % 3
    offsets = np.r_[0, np.cumsum(lengths)]
    many = np.arange(offsets[-1], dtype=np.int32)
    facts = FactTable(
        {"age": Fact(kind="number", description="Years.")}, np.arange(len(user), dtype=np.float32)[:, None], {}
    )
    whole = replace(
        requests, facts=facts, session=Ragged(offsets, many), held=Ragged(offsets, many + 1),
        spans=Spans(offsets, many, many.astype(np.int64), many.astype(np.int64) + 5),
    )  # fmt: skip
    start = data.draw(st.integers(0, len(user)))
    stop = data.draw(st.integers(start, len(user)))
    found, expected = whole.between(start, stop), whole.take(np.arange(start, stop))
    for row in range(stop - start):
        assert found.history.items[row].tolist() == expected.history.items[row].tolist()
        assert found.session[row].tolist() == expected.session[row].tolist()
        assert found.held[row].tolist() == expected.held[row].tolist()
    assert found.barred is None
    for name in ("user", "moment", "place"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist()
    assert found.facts.values.tolist() == expected.facts.values.tolist()
    assert found.spans.until.tolist() == expected.spans.until.tolist()
    assert found.spans.offsets.tolist() == expected.spans.offsets.tolist()
