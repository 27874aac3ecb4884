import numpy as np
import pandas as pd
import pytest

from ml.errors import BadInput
from ml.sessions.loading import load_sessions
from ml.sessions.sessions import UNKNOWN


@pytest.fixture
def files(tmp_path):
    """Writes two frames and returns their paths."""

    def write(train: pd.DataFrame, test: pd.DataFrame):
        paths = tmp_path / "train.parquet", tmp_path / "test.parquet"
        for frame, path in zip((train, test), paths, strict=True):
            frame.to_parquet(path)
        return paths

    return write


def positions(rows, **more):
    flat = [(s, p, item) for s, items in rows.items() for p, item in enumerate(items)]
    return pd.DataFrame(flat, columns=["session_id", "position", "item_id"]).assign(**more)


def clicks(rows):
    """Sessions as {id: [(item, minute), …]}."""
    flat = [
        (s, item, pd.Timestamp("2020-01-01", tz="UTC") + pd.Timedelta(minutes=m)) for s in rows for item, m in rows[s]
    ]
    return pd.DataFrame(flat, columns=["session_id", "item_id", "clicked_at"])


def cases(*rows):
    return pd.DataFrame([{"case_id": n, "prefix": list(p), "target": t} for n, (p, t) in enumerate(rows)])


TRAIN = positions({0: [10, 20], 1: [20, 30, 40]})


def test_positions_and_listed_cases(files):
    data = load_sessions(*files(TRAIN, cases(([10, 20], 30), ([10], 20), ([40], 10))))
    assert data.item_ids.tolist() == [10, 20, 30, 40]
    assert [list(row) for row in data.train.clicks] == [[0, 1], [1, 2, 3]]
    assert [list(row) for row in data.cases.queries.prefix] == [[0, 1], [0], [3]]
    assert data.cases.target.tolist() == [2, 1, 0]
    assert data.cases.session.tolist() == [0, 0, 1]  # the second case is the first one, a click earlier


def test_times_order_sessions_and_clicks_and_set_the_clock(files):
    train = clicks({7: [(1, 1500), (2, 1440)], 3: [(1, 0), (3, 5)]})
    data = load_sessions(*files(train, clicks({9: [(3, 2880), (1, 2881), (2, 2882)]})))
    assert [list(row) for row in data.train.clicks] == [[0, 2], [1, 0]]
    assert data.train.at[1] - data.train.at[0] == pytest.approx(1495 / 1440, abs=0.01)
    assert [list(row) for row in data.cases.queries.prefix] == [[2], [2, 0]]
    assert data.cases.target.tolist() == [0, 1]


def test_unknown_items_leave_prefixes_and_are_missed_as_targets(files):
    data = load_sessions(*files(TRAIN, cases(([99, 10], 20), ([99], 98))))
    assert [list(row) for row in data.cases.queries.prefix] == [[0], []]
    assert data.cases.target.tolist() == [1, UNKNOWN]


def test_identifiers_may_be_text(files):
    data = load_sessions(*files(positions({"a": ["x", "y"], "b": ["y", "z"]}), cases((["x", "y"], "z"))))
    assert data.item_ids.tolist() == ["x", "y", "z"]
    assert data.cases.target.tolist() == [2]


def test_users_are_known_by_the_training_file(files):
    train = positions({0: [1, 2], 1: [2, 1]}).assign(user_id=["ann", "ann", "bob", "bob"])
    test = positions({2: [1, 2], 3: [2, 1]}).assign(user_id=["bob", "bob", "eve", "eve"])
    data = load_sessions(*files(train, test))
    assert data.train.user.tolist() == [0, 1]
    assert data.cases.queries.user.tolist() == [1, UNKNOWN]


def test_a_session_of_a_million_clicks_is_read_from_its_end(files):
    huge = pd.DataFrame({"session_id": 0, "position": np.arange(1_000_000), "item_id": np.arange(1_000_000) % 1000})
    train = pd.concat([huge, positions({1: [1, 2]})])
    data = load_sessions(*files(train, cases((list(range(900)), 900))), longest=50)
    assert data.train.clicks.lengths.tolist() == [50, 2]
    assert data.cases.queries.prefix.lengths.tolist() == [50]
    assert data.item_ids[data.cases.queries.prefix[0][-1]] == 899


def test_sessions_of_one_item_are_kept_for_popularity(files):
    data = load_sessions(*files(positions({0: [5], 1: [5, 6]}), cases(([5], 6))))
    assert data.train.counts.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        (TRAIN.drop(columns="item_id"), cases(([10], 20)), ("train.parquet", "item_id", "add it")),
        (TRAIN.drop(columns="position"), cases(([10], 20)), ("train.parquet", "clicked_at", "position", "add one")),
        (TRAIN.iloc[:0], cases(([10], 20)), ("train.parquet", "no rows")),
        (positions({0: [1], 1: [2]}), cases(([1], 2)), ("train.parquet", "two clicks", "session_id")),
        (TRAIN.assign(item_id=[10, 20, None, 30, 40]), cases(([10], 20)), ("train.parquet, row 2", "item_id", "fill")),
        (TRAIN.assign(position=["a"] * 5), cases(([10], 20)), ("train.parquet", "position", "numbers")),
        (TRAIN, cases(([10], 20), ([], 20)), ("test.parquet, row 1", "prefix", "empty")),
        (TRAIN, cases(([10], 20)).drop(columns="target"), ("test.parquet", "target", "missing")),
        (TRAIN, positions({0: [10]}), ("test.parquet", "two clicks")),
        (TRAIN, cases((["10"], "20"), (["30"], "40")), ("test.parquet", "int64", "10", "alike")),
        (TRAIN, cases(([10], 20), ([10, None], 20)), ("test.parquet, row 1", "prefix", "empty item")),
        (TRAIN, pd.DataFrame({"case_id": [0], "prefix": [10], "target": [20]}), ("test.parquet", "prefix", "a list")),
    ],
)  # fmt: skip
def test_bad_files_are_refused_with_their_place_and_a_remedy(files, train, test, said):
    with pytest.raises(BadInput) as refused:
        load_sessions(*files(train, test))
    for word in said:
        assert word in str(refused.value)


def test_files_that_are_not_there_or_no_parquet(tmp_path):
    with pytest.raises(BadInput, match=r"no such file"):
        load_sessions(tmp_path / "train.parquet", tmp_path / "test.parquet")
    (tmp_path / "train.parquet").write_text("session_id,item_id\n")
    with pytest.raises(BadInput, match="Parquet"):
        load_sessions(tmp_path / "train.parquet", tmp_path / "test.parquet")
