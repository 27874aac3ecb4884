"""Facts of items beside the features of the marts."""

import numpy as np
import pandas as pd
import pytest

from ml.data.facts import DAY_US, FactTable
from ml.data.vocabulary import Vocabulary
from ml.domains.facts import Fact
from ml.features.store import FeatureStore

MARTS = ("user_features", "item_features", "user_item_features", "user_category_features", "item_placements")
FACTS = FactTable(
    {
        "fee": Fact(kind="number", description="A year."),
        "colour": Fact(kind="category", description="Text, which is left out."),
        "launched": Fact(kind="moment", description="When it came."),
        "note": Fact(kind="number", description="For reports.", for_models=False),
    },
    np.array([[3, 0, 90, 1], [np.nan, 0, 95, 1]], np.float32),
    {"colour": np.array(["red"], object)},
)


def store(path, facts: FactTable) -> FeatureStore:
    columns = ("user_id", "item_id", "category", "place_id", "price", "as_of")
    empty = pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
    empty = empty.astype({"price": float, "as_of": "datetime64[us]"})
    for mart in MARTS:
        empty.to_parquet(path / f"{mart}.parquet")
    users, items, none = (Vocabulary(np.array(ids, object)) for ids in (["u"], ["a", "b"], []))
    features = {mart: ("price",) if mart == "item_features" else () for mart in MARTS}
    return FeatureStore(path, users, items, none, none, np.full(2, -1, np.int32), features, facts)


def test_facts_that_are_numbers_join_the_features_of_items(tmp_path):
    snapshot = store(tmp_path, FACTS).at(100 * DAY_US)
    assert snapshot.item_names == ("price", "fact_fee", "fact_launched")
    np.testing.assert_array_equal(snapshot.item[:, 1:], [[3, 10], [np.nan, 5]])  # days since the launch


@pytest.mark.parametrize("facts", [FactTable.none(), FACTS.select(("note", "colour"))])
def test_without_such_facts_there_are_the_features_alone(tmp_path, facts):
    snapshot = store(tmp_path, facts).at(100 * DAY_US)
    assert (snapshot.item_names, snapshot.item.shape) == (("price",), (2, 1))
