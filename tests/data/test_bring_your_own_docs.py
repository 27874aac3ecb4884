"""docs/bring-your-own-data.md cannot drift: its example runs, and it names every field and column."""

import re
from pathlib import Path

import duckdb
import pytest

from ml.data.landing import table_glob
from ml.data.loaders.mapping import Column, Mapping, Session, TableMapping
from ml.data.schema import SOURCE_TABLES
from ml.domains import Protocol
from ml.steps.landing import land

PAGE = (Path(__file__).parents[2] / "docs" / "bring-your-own-data.md").read_text(encoding="utf-8")


def fenced(language: str) -> str:
    (block,) = re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    return block


def test_the_example_runs_on_retailrockets_layout(home: Path, tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(fenced("yaml"), encoding="utf-8")
    (tmp_path / "events.csv").write_text(fenced("csv"), encoding="utf-8")
    summary = land("retail", mapping=tmp_path / "shop.yaml")
    assert summary["as_of"] == "2015-06-02T05:50:14.164000Z"
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"SELECT user_id, session_id, item_id, event_type FROM read_parquet('{table_glob('retail', 'interactions')}')"
        ).fetchall()
    assert sorted(rows) == [
        ("257597", "257597-1433221332117", "355908", "view"),
        ("599528", "599528-1433222276276", "356475", "purchase"),
        ("992329", "992329-1433224214164", "248676", "add_to_basket"),
    ]


@pytest.mark.parametrize("model", [Mapping, TableMapping, Column, Session, Protocol])
def test_every_field_is_documented(model: type[Mapping]) -> None:
    assert [field for field in model.model_fields if not re.search(rf"\b{field}\b", PAGE)] == []


def test_every_column_is_documented() -> None:
    columns = {column for table in SOURCE_TABLES.values() for column in table.columns}
    assert [column for column in sorted(columns) if f"`{column}`" not in PAGE] == []
