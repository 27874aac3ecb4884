"""docs/santander.md cannot drift: it names every fact, every repaired flag and every table that lands."""

from pathlib import Path

from ml.data.loaders.santander.catalogue import AS_ATTRIBUTES, AS_COLUMNS
from ml.data.loaders.santander.circumstances import COUNTS, FINANCE_FACTS
from ml.data.loaders.santander.columns import FACTS, FLAGS_LEFT_OUT
from ml.data.loaders.santander.staging import SUPPLIED
from ml.data.loaders.santander.supplements import SUPPLEMENTS

PAGE = (Path(__file__).parents[3] / "docs" / "santander.md").read_text(encoding="utf-8")


def test_every_fact_flag_and_table_is_named() -> None:
    names = [*(fact.name for fact in FACTS.values()), *FLAGS_LEFT_OUT, *SUPPLIED]
    assert [name for name in names if f"`{name}`" not in PAGE] == []


def test_every_file_beside_the_snapshots_is_named_with_what_it_lands_as() -> None:
    facts = [*FINANCE_FACTS.values(), *(fact for fact, _ in COUNTS.values())]
    names = [*(each.file for each in SUPPLEMENTS), *facts, *AS_COLUMNS, *AS_ATTRIBUTES]
    assert [name for name in names if f"`{name}`" not in PAGE] == []
