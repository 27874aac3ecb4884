"""What serving was told of items becomes a version of the landed catalogue."""

import json
import re

import duckdb
import pandas as pd
import pytest
import small_shop
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.data.landing import partitions, table_glob
from ml.data.new_items import NewItem, merged
from ml.data.schema import ITEMS
from ml.errors import BadInput, RunFailed
from ml.serving.items import told_in
from ml.settings import PROJECT_ROOT
from ml.steps.landing_items import land_items

TOLD = [
    (3, "milk", NewItem(item_id="milk", stock=0).as_json()),
    (
        7,
        "neu 商品",
        NewItem(item_id="neu 商品", name="Neu", category="bakery", attributes={"a": 1, "b": None}).as_json(),
    ),
]


@pytest.fixture
def shop(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    small_shop.land_all()


def queried(query: str) -> pd.DataFrame:
    with duckdb.connect() as connection:
        return connection.execute(query).df()


def versions() -> pd.DataFrame:
    return queried(f"SELECT * FROM '{table_glob('retail', 'items')}'")


def test_the_columns_are_those_of_the_contract():
    assert tuple(NewItem.model_fields) == tuple(ITEMS.columns)


def test_items_land_over_what_is_known_of_them(shop):
    done = land_items("retail", TOLD)
    assert (done["items"], done["new"]) == (2, 1)
    landed = queried(f"SELECT * FROM '{done['partition']}/data.parquet' ORDER BY item_id").set_index("item_id")
    milk, new = landed.loc["milk"], landed.loc["neu 商品"]
    assert (milk["name"], milk["category"], milk["stock"]) == ("Milk", "drinks", 0)
    assert (new["name"], new["category"], json.loads(new["attributes"])) == ("Neu", "bakery", {"a": 1})
    assert {part.as_of for part in partitions("retail", "items")} == {partitions("retail")[0].as_of}


def test_landing_the_same_again_changes_nothing_and_later_tales_are_a_further_version(shop):
    land_items("retail", TOLD)
    before = versions()
    assert land_items("retail", reversed(TOLD))["partition"] is None
    assert len(versions()) == len(before)
    later = [*TOLD, (9, "milk", NewItem(item_id="milk", price=3.5).as_json())]
    done = land_items("retail", later)
    milk = queried(f"SELECT * FROM '{done['partition']}/data.parquet' WHERE item_id = 'milk'").iloc[0]
    assert (milk["stock"], milk["price"], milk["name"]) == (0, 3.5, "Milk")
    assert len(versions()) == len(before) + 2


def test_nothing_told_is_nothing_landed(shop):
    before = versions()
    assert land_items("retail", [])["partition"] is None
    assert len(versions()) == len(before)


def test_items_of_a_domain_without_data_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    with pytest.raises(RunFailed, match="slate land"):
        land_items("retail", TOLD)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"price": -1}, "price: .*greater than or equal to 0"), ({"price": float("nan")}, "price: .*finite"),
        ({"colour": "red"}, "colour: .*known fields: item_id, name"), ({"item_id": "other"}, "item_id: "),
        ({"launched_at": "soon"}, "launched_at: "), ({"attributes": [1]}, "attributes: .*dictionary"),
        ({"stock": "many"}, "stock: .*number"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(body, says):
    with pytest.raises(BadInput, match=says):
        NewItem.told("x", body)


def test_a_file_of_lines_names_the_line(tmp_path):
    file = tmp_path / "told.jsonl"
    file.write_text('{"item_id": "a", "stock": 0}\n\n{"item_id": "b", "price": -2}\n', "utf-8")
    with pytest.raises(BadInput, match=r"line 3: price"):
        told_in(file)
    file.write_text('{"item_id": "ä"}\n', "utf-8")
    assert [name for _, name, _ in told_in(file)] == ["ä"]
    with pytest.raises(BadInput, match="no such file"):
        told_in(tmp_path / "none")


TEXT = st.none() | st.text(max_size=5)
NEW = st.builds(
    NewItem, item_id=st.sampled_from(["a", "b"]), name=TEXT, department=TEXT, category=TEXT, subcategory=TEXT, brand=TEXT,
    description=TEXT, package_size=TEXT, stock=st.none() | st.floats(0, 9),
    attributes=st.none() | st.dictionaries(st.text("xy", min_size=1, max_size=2), st.integers() | st.none(), max_size=3),
)  # fmt: skip


@given(st.lists(NEW, max_size=5))
@settings(max_examples=50, deadline=None)
def test_told_in_any_number_of_turns_is_the_same(items):
    whole = merged(items)
    by_turns: dict[str, NewItem] = {}
    for item in items:
        by_turns = merged([*by_turns.values(), NewItem.of_json(item.as_json())])
    assert by_turns == whole


@given(NEW)
@settings(max_examples=40, deadline=None)
def test_an_item_is_published_as_dbt_publishes_it(item):
    sql = (PROJECT_ROOT / "dbt_project/models/intermediate/contract/int_contract__item_versions.sql").read_text("utf-8")
    select = re.sub(r"lead\(known_from.*?as known_until,", "", sql.rsplit("\n)\n", 1)[1], flags=re.DOTALL)
    row = {**item.model_dump(), "attributes": item.attributes_json, "manufacturer_id": item.manufacturer}
    texts = [name for name, kind in ITEMS.columns.items() if kind == "VARCHAR"]
    casts = ", ".join(
        f"CAST({name} AS VARCHAR) AS {name}" for name in [*texts, "manufacturer_id"] if name != "manufacturer"
    )
    told = pd.DataFrame({name: pd.Series([value], dtype=object) for name, value in row.items()})
    with duckdb.connect() as connection:
        connection.register("told", told.drop(columns=["price", "margin", "stock", "launched_at"]).astype("string"))
        connection.execute(
            f"CREATE VIEW landed AS SELECT {casts}, NULL AS known_from, 1.0 AS price, 1.0 AS margin, 1.0 AS stock, "
            "NULL AS launched_at FROM told"
        )
        by_dbt = connection.sql(select).df().iloc[0]
    ours = item.published()
    for name in ("item_id", "name", "category", "brand", "package_size", "text"):
        assert (by_dbt[name] if isinstance(by_dbt[name], str) else None) == ours[name], name
    assert list(by_dbt["category_path"]) == ours["category_path"]
    assert json.loads(by_dbt["attributes"]) == json.loads(ours["attributes"])
