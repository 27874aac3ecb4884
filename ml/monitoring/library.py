"""Evidently as the rest of this room uses it: quiet, without telemetry, its results as text."""

import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Window:
    """One table at two times; the columns are the same."""

    reference: pd.DataFrame
    current: pd.DataFrame


@dataclass(frozen=True)
class Page:
    """One finished report."""

    name: str  # of its files
    html: str  # stands alone: no server, no network
    results: dict[str, Any]  # `metrics` and `tests`, JSON-able
    snapshot: str  # JSON that Evidently's own UI reads


def evidently_version() -> str:
    """The installed release: its defaults decide what counts as drift."""
    return version("evidently")


@contextmanager
def quietly() -> Iterator[None]:
    """Import and run Evidently: it sends usage data unless told not to, and warns of each constant column."""
    os.environ["DO_NOT_TRACK"] = "1"  # read whenever an event would be sent
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def run_report(
    name: str,
    metrics: Sequence[Any],
    window: Window,
    definition: Any,
    *,
    as_of: datetime,
    additional: Mapping[str, pd.DataFrame] | None = None,
    tests: bool = False,
) -> Page:
    """Compute one report; call it within `quietly`.

    Args:
        name: Of the page.
        metrics: Evidently's metrics and presets.
        window: The two tables.
        definition: An Evidently `DataDefinition` that holds for every table.
        as_of: The report's instant: the same one is given however often it is made.
        additional: Further tables that a metric asks for.
        tests: Whether each metric is tested too (`results["tests"]`).
    """
    from evidently import Dataset, Report

    current, reference, *others = (
        Dataset.from_pandas(frame, data_definition=definition)
        for frame in (window.current, window.reference, *(additional or {}).values())
    )
    snapshot = Report(list(metrics), include_tests=tests).run(
        current, reference, additional_data=dict(zip(additional or {}, others, strict=True)),
        timestamp=as_of.astimezone(UTC).replace(tzinfo=None), name=f"{as_of:%Y-%m-%d %H:%M} {name}",
    )  # fmt: skip
    results: dict[str, Any] = json.loads(snapshot.json(), parse_constant=lambda _: None)  # NaN is no JSON
    return Page(name, snapshot.get_html_str(as_iframe=False), results, snapshot.dumps())
