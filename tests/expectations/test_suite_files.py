"""Every file in `expectations/` is a suite that Great Expectations knows, on columns that exist."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from ml.data.schema import TABLES
from ml.data.sql import identifier
from ml.domains import DOMAINS
from ml.errors import BadInput
from ml.features.warehouse import MARTS
from ml.settings import PROJECT_ROOT, settings
from ml.validation.suites import Layer, Rule, Suite, read_suite, read_suites

ROOT = PROJECT_ROOT / "expectations"
FILES = sorted(ROOT.rglob("*.*"))
ADDED_BY_VIEWS = {"partition": "varchar", "landed_at": "timestamp", "served": "boolean"}
RUN = {
    "landing": "last_day date, day_starts_at_hour integer, minimum_volume_ratio double, volume_rule_starts_at integer",
    "marts": "as_of timestamp",
}
LISTS = {"supplied_features"}
PARAMETERS = {"landing": {"event_types", "known_categories"}, "marts": {"event_types"}}
QUERY = "unexpected_rows_query"


def declared_mart_columns() -> dict[str, dict[str, str]]:
    """The type of each column, by published mart, as the contracts of the dbt project declare them."""
    files = [settings().dbt_project / "models" / "marts" / f"_marts__{part}.yml" for part in ("core", "features")]
    models = [model for file in files for model in yaml.safe_load(file.read_text(encoding="utf-8"))["models"]]
    columns = {model["name"]: {each["name"]: each["data_type"] for each in model["columns"]} for model in models}
    return {mart: columns[mart] for mart in MARTS}


def columns_of(layer: Layer) -> dict[str, dict[str, str]]:
    if layer == "marts":
        return declared_mart_columns()
    return {name: {**table.columns, **ADDED_BY_VIEWS} for name, table in TABLES.items()}


def suites() -> Iterator[tuple[Layer, Suite]]:
    layers: tuple[Layer, ...] = ("landing", "marts")
    for domain in DOMAINS:
        for layer in layers:
            for suite in read_suites(layer, domain).values():
                yield layer, suite


SUITES = [pytest.param(layer, suite, id=f"{layer}-{suite.table}") for layer, suite in suites()]


@pytest.fixture(scope="module")
def databases() -> Iterator[dict[Layer, duckdb.DuckDBPyConnection]]:
    """For each layer, every table that a suite's SQL may read, empty."""
    opened = {layer: _empty(layer) for layer in RUN}
    yield opened
    for connection in opened.values():
        connection.close()


def _empty(layer: Layer) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for table, columns in columns_of(layer).items():
        described = ", ".join(f"{identifier(name)} {kind}" for name, kind in columns.items())
        connection.execute(f"create table {table} ({described})")
    connection.execute(f"create table run ({RUN[layer]})")
    connection.execute("create table moments (moment timestamp)")
    connection.execute("create table landed_before_as_of (event_id varchar)")
    return connection


def test_every_file_is_a_suite_of_a_known_layer() -> None:
    assert len(FILES) >= 14
    for path in FILES:
        assert path.suffix == ".yml", f"{path}: suites end in .yml"
        *owner, layer = path.relative_to(ROOT).parts[:-1]
        assert set(owner) <= set(DOMAINS)
        assert layer in RUN
        assert read_suite(path).rules


def test_every_table_of_a_layer_has_a_suite() -> None:
    assert {suite.table for layer, suite in suites() if layer == "landing"} == set(TABLES)
    assert {suite.table for layer, suite in suites() if layer == "marts"} == set(declared_mart_columns())


@pytest.mark.parametrize(("layer", "suite"), SUITES)
def test_a_suite_reads_only_columns_that_exist(layer: Layer, suite: Suite) -> None:
    known = columns_of(layer)[suite.table]
    assert set(suite.shown) <= set(known)
    for rule in suite.rules:
        if isinstance(rule.for_each, str):
            assert rule.for_each in LISTS
        for each in rule.expanded({name: (next(iter(known)),) for name in LISTS}):
            assert _columns(each.kwargs) <= set(known), each.rule


def _columns(kwargs: dict[str, Any]) -> set[str]:
    return {kwargs[name] for name in ("column", "column_A", "column_B") if name in kwargs} | set(
        kwargs.get("column_list", ())
    )


@pytest.mark.parametrize(("layer", "suite"), SUITES)
def test_a_suites_sql_runs_on_empty_tables_and_finds_nothing_there(
    databases: dict[Layer, duckdb.DuckDBPyConnection], layer: Layer, suite: Suite
) -> None:
    for rule in suite.rules:
        if query := rule.kwargs.get(QUERY):
            # Aliased as Great Expectations aliases it: a query that names the batch itself would break there.
            batch = f"(select * from {suite.table}) as subselect"
            assert databases[layer].execute(query.format(batch=batch)).fetchall() == [], rule.rule


@pytest.mark.parametrize(("layer", "suite"), SUITES)
def test_great_expectations_knows_each_rule(layer: Layer, suite: Suite) -> None:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    for rule in suite.expanded(dict.fromkeys(LISTS, ("item_id",))).rules:
        configured = ExpectationConfiguration(type=rule.type, kwargs=rule.kwargs, severity=rule.severity)
        assert configured.to_domain_obj().severity == rule.severity
        assert _parameters(rule) <= PARAMETERS[layer]


def _parameters(rule: Rule) -> set[str]:
    return {value["$PARAMETER"] for value in rule.kwargs.values() if isinstance(value, dict)}


@pytest.mark.parametrize(("layer", "suite"), SUITES)
def test_rules_speak_to_people(layer: Layer, suite: Suite) -> None:
    names = [rule.rule for rule in suite.rules]
    assert len(names) == len(set(names))
    for rule in suite.rules:
        assert re.fullmatch(r"[A-Z].+\.", rule.says), rule.says
        assert rule.remedy.endswith("."), rule.remedy


def test_a_file_that_is_no_suite_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.yml"
    path.write_text("table: items\nrules:\n  - {rule: Shouts, says: it}\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"broken\.yml is not a suite"):
        read_suite(path)


def test_a_domain_may_add_rules_but_not_repeat_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "landing" / "users.yml").read_text(encoding="utf-8")
    for folder in ("expectations/landing", "expectations/retail/landing"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "users.yml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("SLATE_PROJECT", str(tmp_path))
    with pytest.raises(BadInput, match="repeats the rules"):
        read_suites("landing", "retail")
