"""The trap in Great Expectations that `ml.validation.duckdb_dialect` works around."""

from pathlib import Path

import pytest

from ml.validation import duckdb_dialect
from ml.validation.checkpoint import run_suites
from ml.validation.scratch import scratch_database
from ml.validation.suites import Rule, Suite

RULE = Rule(
    rule="is_there",
    says="It is there.",
    type="expect_column_values_to_not_be_null",
    kwargs={"column": "a"},
    remedy="Put it there.",
)


def judge(folder: Path) -> int:
    with scratch_database(folder) as scratch:
        scratch.execute("create table tiny as select 1 as a union all select null")
        findings, _ = run_suites(scratch, [Suite(table="tiny", rules=(RULE,))], {}, folder / "docs")
    return len(findings)


def test_duckdb_is_added_to_the_dialects_whose_connections_stay_open_once() -> None:
    from great_expectations.execution_engine import sqlalchemy_execution_engine as engine

    duckdb_dialect.keep_connections_open()
    duckdb_dialect.keep_connections_open()
    assert list(engine._PERSISTED_CONNECTION_DIALECTS).count(duckdb_dialect.DUCKDB) == 1


def test_the_help_is_still_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When this fails, Great Expectations works on DuckDB by itself: remove `ml.validation.duckdb_dialect`."""
    from great_expectations.execution_engine import sqlalchemy_execution_engine as engine

    assert judge(tmp_path) == 1
    unaided = tuple(each for each in engine._PERSISTED_CONNECTION_DIALECTS if each != duckdb_dialect.DUCKDB)
    monkeypatch.setattr(engine, "_PERSISTED_CONNECTION_DIALECTS", unaided)
    monkeypatch.setattr("ml.validation.checkpoint.keep_connections_open", lambda: None)
    with pytest.raises(Exception, match="list index out of range"):
        judge(tmp_path)
