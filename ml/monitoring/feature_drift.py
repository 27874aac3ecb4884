"""Data drift: features as the models learnt them against features as they are now."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from ml.data.arrays import Floats
from ml.features.store import FeatureStore, Snapshot
from ml.monitoring.library import Page, Window, quietly, run_report

ROWS = 5_000  # of each mart at each time: Evidently works on pandas tables
MINIMUM_ROWS = 10  # below, no test says anything


@dataclass(frozen=True)
class Drift:
    """What came of comparing one table at two times."""

    compared: tuple[str, ...]
    drifted: tuple[str, ...]
    page: Page


def feature_windows(store: FeatureStore, learnt: int, now: int, *, seed: int) -> dict[str, Window]:
    """A sample of each mart's declared features at two instants (microseconds); marts without enough rows left out."""
    reference, current = (dict(_samples(store.at(at), seed)) for at in (learnt, now))
    return {
        mart: Window(reference[mart], current[mart])
        for mart in reference
        if min(len(reference[mart]), len(current[mart])) >= MINIMUM_ROWS
    }


def drift_of(name: str, window: Window, *, as_of: datetime, maximum_share: float) -> Drift | None:
    """Test every column that has values, by Evidently's choice of method; `None` where no column has.

    Up to 1,000 rows that is a test at 5 % (Kolmogorov-Smirnov; chi-square or z where a column has few values), above
    a distance of 0.1 (Wasserstein over the standard deviation; Jensen-Shannon where a column has few values). A column
    that has values at one time only has drifted: there is nothing left to test.
    """
    filled = [frame.notna().any() for frame in (window.reference, window.current)]
    columns = [str(column) for column in window.current if filled[0][column] and filled[1][column]]
    one_sided = [str(column) for column in window.current if filled[0][column] != filled[1][column]]
    if not columns:
        return None
    page = _page(name, Window(window.reference[columns], window.current[columns]), as_of, maximum_share)
    failed = {
        test["metric_config"]["params"]["column"]
        for test in page.results["tests"]
        if test["status"] == "FAIL" and "column" in test["metric_config"]["params"]
    }
    drifted = [str(column) for column in window.current if column in failed or column in one_sided]
    return Drift((*columns, *one_sided), tuple(drifted), page)


def _page(name: str, window: Window, as_of: datetime, maximum_share: float) -> Page:
    with quietly():
        from evidently import DataDefinition
        from evidently.presets import DataDriftPreset

        definition = DataDefinition(numerical_columns=list(window.current))
        preset: Any = DataDriftPreset(drift_share=maximum_share)
        return run_report(name, [preset], window, definition, as_of=as_of, tests=True)


def _samples(snapshot: Snapshot, seed: int) -> Iterator[tuple[str, pd.DataFrame]]:
    pairs = snapshot.user_item
    for mart, names, values in (
        ("user_features", snapshot.user_names, snapshot.user),
        ("item_features", snapshot.item_names, snapshot.item),
        ("user_item_features", pairs.names, pairs.values),
    ):
        yield mart, _sample(values, names, seed)


def _sample(values: Floats, names: Sequence[str], seed: int) -> pd.DataFrame:
    """(≤ ROWS, F) rows with a value, in their order; an infinite value counts as missing."""
    there = np.flatnonzero(np.isfinite(values).any(axis=1))
    if len(there) > ROWS:
        there = np.sort(np.random.default_rng(seed).choice(there, ROWS, replace=False))
    taken = values[there].astype(np.float64)
    return pd.DataFrame(np.where(np.isfinite(taken), taken, np.nan), columns=list(names))
