"""Runs suites on the views of a scratch database, in SQL, and builds the data docs."""

import os
import shutil
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.logs import progress
from ml.validation.duckdb_dialect import close_connections, keep_connections_open
from ml.validation.findings import SHOWN_ROWS, Finding, findings_of
from ml.validation.scratch import Scratch
from ml.validation.suites import Rule, Suite

if TYPE_CHECKING:
    from great_expectations.data_context import EphemeralDataContext
    from great_expectations.datasource.fluent import SQLDatasource

SITE = "docs"


def run_suites(
    scratch: Scratch, suites: Iterable[Suite], parameters: Mapping[str, Any], docs: Path
) -> tuple[list[Finding], Path]:
    """Judge each suite's table and rebuild the data docs.

    Args:
        scratch: Holds a view or table for every suite.
        suites: Expanded: no rule repeats itself any more.
        parameters: What the suites' `{$PARAMETER: name}` stand for.
        docs: The folder of the data docs, replaced as a whole.

    Returns:
        The broken rules, and the docs' index page.
    """
    context = _context()
    source = context.data_sources.add_sql("scratch", connection_string=scratch.url, kwargs=scratch.options)
    try:
        findings = [
            finding
            for suite in progress(list(suites), "Validating")
            for finding in _judge(context, source, suite, parameters)
        ]
    finally:
        close_connections(source)
    return findings, _build_docs(context, docs)


def _context() -> "EphemeralDataContext":
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    keep_connections_open()
    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(False)
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


def _judge(
    context: "EphemeralDataContext", source: "SQLDatasource", suite: Suite, parameters: Mapping[str, Any]
) -> list[Finding]:
    import great_expectations as gx

    batch = source.add_table_asset(suite.table, table_name=suite.table).add_batch_definition_whole_table("all")
    expectations = context.suites.add(gx.ExpectationSuite(suite.table, [_configuration(rule) for rule in suite.rules]))
    validation = gx.ValidationDefinition(name=suite.table, data=batch, suite=expectations)
    checkpoint = gx.Checkpoint(
        name=suite.table,
        validation_definitions=[context.validation_definitions.add(validation)],
        result_format={
            "result_format": "COMPLETE",
            "partial_unexpected_count": SHOWN_ROWS,
            "unexpected_index_column_names": list(suite.shown),
        },
    )
    outcome = context.checkpoints.add(checkpoint).run(expectation_parameters=dict(parameters))
    results = [result for run in outcome.run_results.values() for result in run.results]
    return findings_of(results, suite.table)


def _configuration(rule: Rule) -> dict[str, Any]:
    return {
        "type": rule.type,
        "kwargs": rule.kwargs,
        "severity": rule.severity,
        "description": f"{rule.rule}: {rule.says}",
        "meta": {"rule": rule.rule, "says": rule.says, "remedy": rule.remedy},
    }


def _build_docs(context: "EphemeralDataContext", docs: Path) -> Path:
    """Build the site beside its place and swap it in, so that a killed run leaves the last one readable."""
    beside = docs.with_name(f".{docs.name}.{uuid.uuid4().hex}")
    beside.mkdir(parents=True)
    store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(beside)}
    index = {"class_name": "DefaultSiteIndexBuilder"}
    context.add_data_docs_site(SITE, {"class_name": "SiteBuilder", "site_index_builder": index, "store_backend": store})
    try:
        context.build_data_docs(site_names=[SITE])
        shutil.rmtree(docs, ignore_errors=True)
        os.rename(beside, docs)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return docs / "index.html"
