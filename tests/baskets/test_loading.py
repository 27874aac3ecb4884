import pandas as pd
import pytest

from ml.baskets.loading import load_baskets, load_history
from ml.errors import BadInput

HISTORY = pd.DataFrame({"user_id": [7, 7, 7, 5], "basket": [0, 0, 2, 0], "item_id": [30, 10, 10, 20]})
NEXT = pd.DataFrame({"user_id": [7, 5], "item_id": [10, 30]})


@pytest.fixture
def files(tmp_path):
    """Writes two frames and returns their paths."""

    def write(history: pd.DataFrame, following: pd.DataFrame):
        paths = tmp_path / "history.parquet", tmp_path / "next.parquet"
        for frame, path in zip((history, following), paths, strict=True):
            frame.to_parquet(path)
        return paths

    return write


def test_customers_items_and_baskets_are_numbered(files):
    data = load_baskets(*files(HISTORY, NEXT))
    assert data.user_ids.tolist() == [5, 7]
    assert data.item_ids.tolist() == [10, 20, 30]
    assert data.history.user.tolist() == [0, 1, 1, 1]
    assert data.history.item.tolist() == [1, 0, 2, 0]
    assert data.users.tolist() == [0, 1]
    assert [row.tolist() for row in data.taken] == [[2], [0]]


def test_a_history_alone_is_read_as_with_its_next_baskets(files):
    paths = files(HISTORY, NEXT)
    alone = load_history(paths[0])
    assert alone.digest() == load_baskets(*paths).history.digest()
    assert alone.digest() != alone.where(alone.item > 0).digest()


def test_lines_that_are_there_twice_count_once(files):
    twice = load_baskets(*files(pd.concat([HISTORY, HISTORY]), pd.concat([NEXT, NEXT])))
    once = load_baskets(*files(HISTORY, NEXT))
    assert twice.history.item.tolist() == once.history.item.tolist()
    assert twice.taken.values.tolist() == once.taken.values.tolist()


def test_new_items_are_numbered_beyond_the_catalogue_and_new_customers_have_no_past(files):
    data = load_baskets(*files(HISTORY, pd.DataFrame({"user_id": [9, 7], "item_id": [99, 10]})))
    assert data.history.items == 3
    assert data.item_ids.tolist() == [10, 20, 30, 99]
    assert [row.tolist() for row in data.taken] == [[0], [3]]
    assert data.history.visits[data.users].tolist() == [2, 0]


def test_identifiers_may_be_text(files):
    text = {"user_id": "string", "item_id": "string"}
    data = load_baskets(*files(HISTORY.astype(text), NEXT.astype(text)))
    assert data.item_ids.tolist() == ["10", "20", "30"]
    assert [row.tolist() for row in data.taken] == [[2], [0]]


@pytest.mark.parametrize(
    ("history", "following", "said"),
    [
        (HISTORY.drop(columns="basket"), NEXT, ("history.parquet", "basket", "add it")),
        (HISTORY, NEXT.drop(columns="item_id"), ("next.parquet", "item_id", "add it")),
        (HISTORY.iloc[:0], NEXT, ("history.parquet", "no rows")),
        (HISTORY, NEXT.iloc[:0], ("next.parquet", "no rows")),
        (HISTORY.assign(item_id=[30, None, 10, 20]), NEXT, ("history.parquet, row 1", "item_id", "fill")),
        (HISTORY.assign(basket=["a", "1", "2", "3"]), NEXT, ("history.parquet, row 0", "basket", "number")),
        (HISTORY.assign(item_id=["x", "y", "y", "z"]), NEXT, ("next.parquet", "item_id", "same type")),
    ],
)  # fmt: skip
def test_bad_files_are_refused_with_their_place_and_a_remedy(files, history, following, said):
    with pytest.raises(BadInput) as refused:
        load_baskets(*files(history, following))
    for word in said:
        assert word in str(refused.value)


def test_files_that_are_not_there_or_no_parquet(tmp_path):
    with pytest.raises(BadInput, match="no such file"):
        load_baskets(tmp_path / "history.parquet", tmp_path / "next.parquet")
    (tmp_path / "history.parquet").write_text("user_id,basket,item_id\n")
    with pytest.raises(BadInput, match="Parquet"):
        load_baskets(tmp_path / "history.parquet", tmp_path / "next.parquet")
