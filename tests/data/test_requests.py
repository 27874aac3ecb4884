import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.data.dataset import Log, requests_for

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
