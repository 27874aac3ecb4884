import numpy as np
from planted_sessions import sessions

from ml.sessions.hrnn.batching import Chains, padded, prefixes
from ml.sessions.hrnn.training import targets

PAST = sessions([[1, 2], [3], [4, 5, 6], [7, 8], [9, 1]], 10, users=[0, 1, 0, -1, 0])


def test_users_stand_side_by_side_and_leave_when_their_sessions_are_over():
    chains = Chains.of(PAST)
    assert [list(row) for row in chains.sessions] == [[0, 2, 4], [1], [3]]
    assert chains.user.tolist() == [0, 1, -1]
    groups = list(chains.groups(2, PAST.clicks.lengths))
    assert [users.tolist() for users, _ in groups] == [[0, 1], [2]]
    steps = [[(step.row.tolist(), step.lane.tolist(), step.first) for step in steps] for _, steps in groups]
    assert steps == [[([0, 1], [0, 1], True), ([2], [0], False), ([4], [0], False)], [([3], [0], True)]]


def test_shuffled_groups_hold_each_session_once():
    random = np.random.default_rng(0)
    past = sessions([[0, 1]] * 500, 2, users=random.integers(-1, 60, 500))
    groups = list(Chains.of(past).groups(16, past.clicks.lengths, random))
    rows = np.concatenate([step.row for _, steps in groups for step in steps])
    assert np.sort(rows).tolist() == list(range(500))
    assert max(len(users) for users, _ in groups) == 16


def test_padding_targets_and_prefixes():
    items, lengths = padded(PAST.clicks, np.array([2, 1]))
    assert items.tolist() == [[5, 6, 7], [4, 0, 0]]
    assert lengths.tolist() == [3, 1]
    assert targets(items, only_last=False).tolist() == [[6, 7, 0], [0, 0, 0]]
    assert targets(items, only_last=True).tolist() == [[0, 7, 0], [0, 0, 0]]
    assert [list(row) for row in prefixes(PAST).clicks] == [[1, 2], [4, 5], [4, 5, 6], [7, 8], [9, 1]]
