import numpy as np
import pytest

from ml.data.arrays import Ragged
from ml.data.facts import FactTable
from ml.data.requests import History, Requests
from ml.domains.facts import Fact
from ml.features.store import Snapshot, Table
from ml.ranking.candidates import Candidates
from ml.ranking.frame import DAY_US, build_frame

NAN = np.nan


def table(names: tuple[str, ...], width: int, rows: dict[tuple[int, int], list[float]]) -> Table:
    keys = np.array(sorted(left * width + right for left, right in rows), np.int64)
    values = [rows[divmod(int(key), width)] for key in keys]
    return Table(names, keys, width, np.array(values, np.float32).reshape(len(keys), len(names)))


def described(**known):
    """User 1 in the middle of the session [4, 2, 4], and an unknown user; candidates 2, 4 and 2, 0."""
    history = History(
        np.array([0, 3, 3]), np.array([4, 2, 4], np.int32), np.array([1, 2, 3]), np.zeros(3, np.int32),
        np.ones(3, np.float32),
    )  # fmt: skip
    requests = Requests(
        np.array([1, -1], np.int32), np.array([4 * DAY_US, 4 * DAY_US]), np.array([0, -1], np.int32), history,
        Ragged(np.array([0, 3, 3]), np.array([4, 2, 4], np.int32)), **known,
    )  # fmt: skip
    candidates = Candidates(
        ("a", "b"), np.array([0, 2, 4]), np.array([2, 4, 2, 0], np.int32),
        np.array([[0.5, NAN], [0.25, 3], [NAN, 2], [1, NAN]], np.float32),
        np.array([[0, NAN], [1, 0], [NAN, 1], [0, NAN]], np.float32),
    )  # fmt: skip
    snapshot = Snapshot(
        0, ("spend",), np.array([[7], [9]], np.float32), ("price",), np.arange(5, dtype=np.float32)[:, None],
        np.array([0, 0, 1, 1, -1], np.int32),
        user_item=table(("times",), 5, {(1, 2): [3]}),
        user_category=table(("share",), 2, {(1, 1): [0.5]}),
        placement=table(("shown",), 5, {(0, 4): [1]}),
    )  # fmt: skip
    return build_frame(requests, candidates, snapshot)


@pytest.fixture
def frame():
    return described()


def column(frame, name):
    return frame.select((name,))[:, 0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("user_spend", [9, 9, NAN, NAN]),
        ("item_price", [2, 4, 2, 0]),
        ("user_item_times", [3, NAN, NAN, NAN]),
        ("user_category_share", [0.5, NAN, NAN, NAN]),
        ("placement_shown", [0, 1, 0, 0]),
        ("session_length", [3, 3, 0, 0]),
        ("session_count", [1, 2, NAN, NAN]),
        ("session_steps_back", [2, 1, NAN, NAN]),
        ("history_length", [3, 3, 0, 0]),
        ("day_of_week", [0, 0, 0, 0]),  # the fifth of January 1970 was a Monday
        ("a_score", [0.5, 0.25, NAN, 1]),
        ("b_rank", [NAN, 0, 1, NAN]),
        ("retrievers", [1, 2, 1, 1]),
    ],
)
def test_each_feature_is_gathered_for_its_own_request_and_item(frame, name, expected):
    np.testing.assert_allclose(column(frame, name), expected)


def test_a_feature_that_is_not_there_is_an_error(frame):
    with pytest.raises(KeyError):
        frame.select(("user_shoe_size",))


def test_names_are_unique(frame):
    assert len(set(frame.names)) == len(frame.names) == frame.values.shape[1]


FACTS = {
    "age": Fact(kind="number", description="Years."),
    "joined": Fact(kind="moment", description="When the user joined."),
    "secret": Fact(kind="flag", description="Protected.", protected=True),
    "note": Fact(kind="number", description="For reports.", for_models=False),
    "region": Fact(kind="category", description="Where."),
}


def test_facts_and_holdings_are_features_where_a_domain_declares_facts():
    table = FactTable(FACTS, np.array([[30, 1, 1, 5, 0], [NAN] * 5], np.float32), {"region": np.array(["a"], object)})
    held = Ragged(np.array([0, 2, 2]), np.array([2, 7], np.int32))
    found = described(facts=table, held=held)
    np.testing.assert_array_equal(column(found, "user_fact_age"), [30, 30, NAN, NAN])
    np.testing.assert_array_equal(column(found, "user_fact_joined"), [3, 3, NAN, NAN])  # days
    np.testing.assert_array_equal(column(found, "items_held"), [2, 2, 0, 0])
    np.testing.assert_array_equal(column(found, "item_held"), [1, 0, 0, 0])
    names = set(found.names) - set(described().names)
    assert names == {"user_fact_age", "user_fact_joined", "items_held", "item_held"}


def test_without_declared_facts_nothing_is_added(frame):
    told = described(held=Ragged.empty(2))
    assert told.names == frame.names
    np.testing.assert_array_equal(told.values, frame.values)
