"""docs/santander.md cannot drift: it names every fact, every repaired flag and every table that lands."""

from pathlib import Path

from ml.data.loaders.santander.columns import FACTS, FLAGS_LEFT_OUT
from ml.data.loaders.santander.staging import SUPPLIED

PAGE = (Path(__file__).parents[3] / "docs" / "santander.md").read_text(encoding="utf-8")


def test_every_fact_flag_and_table_is_named() -> None:
    names = [*(fact.name for fact in FACTS.values()), *FLAGS_LEFT_OUT, *SUPPLIED]
    assert [name for name in names if f"`{name}`" not in PAGE] == []
