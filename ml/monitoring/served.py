"""What was served, and what came of it: figures of a window of the impressions mart.

With N impressions (an item of a slate each) and p(i) the share of users that took item i before the window:

    coverage        distinct items shown over the catalogue's; gini: inequality of their exposure (as in
                    `ml.evaluation.beyond_accuracy`, here of what was served in truth)
    novelty         mean −log2 p(i) (Vargas and Castells, RecSys 2011)
    serendipity     share of impressions that were clicked though nobody needed a model to expect them: neither among the
                    most popular items nor taken by the user before (Ge, Delgado-Battenfeld and Jannach, RecSys 2010)
    explored_share  drawn by chance; cold_share: of items that nobody had bought when they were shown
    ctr, conversion clicks and purchases over impressions; revenue_per_user: money over users who were shown anything.
                    All three with 95 % intervals of a bootstrap over users
    degraded_share  slates that left something out, over slates; settled_share: impressions of which no further click
                    can come, since the attribution window is over
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from ml.data.arrays import Bools, Indices, Ints, distinct, is_among
from ml.data.dataset import Dataset, Log
from ml.data.windows import to_micros
from ml.evaluation.arrays import Doubles
from ml.evaluation.beyond_accuracy import Expectation, coverage, gini
from ml.evaluation.significance import intervals, mean_interval, means, resampled_means

IMPRESSIONS = "impressions.parquet"
DRAWS = 1000
_COLUMNS = """
    slate_id, user_id, item_id, epoch_us(shown_at) AS shown_at, placement, model_version, explored, degraded, clicked,
    converted, value, settled
"""


def served(dataset: Dataset, since: datetime, *, seed: int) -> dict[str, Any]:
    """The figures of all slates shown from an instant to the data's as-of, by placement and by model version too.

    Returns:
        `since`, `until` (ISO, UTC), `all` (None where nothing was served), `placements` and `model_versions` (figures
        by name, those with the most impressions first). JSON-able.
    """
    until = dataset.windows.as_of
    frame = read_impressions(dataset.path, since, until)
    found: dict[str, Any] = {"since": _iso(since), "until": _iso(until), "all": None}
    if frame.empty:
        return found | {"placements": {}, "model_versions": {}}
    shown = _Shown.of(frame, dataset, since)
    found["all"] = figures(shown, seed=seed)
    for name, column in (("placements", "placement"), ("model_versions", "model_version")):
        found[name] = {value: figures(shown.where(mask), seed=seed) for value, mask in _groups(frame[column])}
    return found


def read_impressions(path: Path, since: datetime, until: datetime) -> pd.DataFrame:
    """The impressions of a published artifact shown in [since, until); none where it was made without the mart."""
    mart = path / IMPRESSIONS
    if not mart.exists():
        return pd.DataFrame()
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2; SET TimeZone = 'UTC'")
        return connection.execute(
            f"SELECT {_COLUMNS} FROM read_parquet($path) WHERE epoch_us(shown_at) >= $since "
            "AND epoch_us(shown_at) < $until ORDER BY shown_at, slate_id, item_id",
            {"path": str(mart), "since": to_micros(since), "until": to_micros(until)},
        ).df()


def _groups(column: pd.Series) -> Iterator[tuple[str, Bools]]:
    """Each value of a column and where it stands, the most frequent first."""
    named = column.astype(object).where(column.notna(), "unknown").astype(str)
    for value in named.value_counts().sort_index().sort_values(ascending=False, kind="stable").index:
        yield value, (named == value).to_numpy()


@dataclass(frozen=True)
class _Shown:
    """N impressions as arrays."""

    user: Ints  # (N,) numbered over the impressions
    slate: Ints  # (N,) numbered likewise
    item: Indices  # (N,) in the catalogue; -1: not of it
    novelty: Doubles  # (N,) NaN for what the catalogue does not have
    unexpected: Bools
    cold: Bools
    explored: Bools
    degraded: Bools
    clicked: Bools
    converted: Bools
    settled: Bools
    value: Doubles
    items: int  # of the catalogue

    @classmethod
    def of(cls, frame: pd.DataFrame, dataset: Dataset, since: datetime) -> "_Shown":
        """The rows of `read_impressions`; popularity is that before `since`."""
        known, items = dataset.log.before(to_micros(since)), len(dataset.items)
        item = dataset.items.encode(frame["item_id"])
        user = dataset.users.encode(frame["user_id"])
        expected = Expectation.of(known, np.full(items, -1, np.int32))
        usual = is_among(item, expected.popular) | _taken_before(user, item, known)
        flags = ("explored", "clicked", "converted", "settled")
        return cls(
            user=pd.factorize(frame["user_id"])[0].astype(np.int64),
            slate=pd.factorize(frame["slate_id"])[0].astype(np.int64), item=item,
            novelty=np.where(item >= 0, -np.log2(expected.popularity[np.maximum(item, 0)]), np.nan),
            unexpected=~usual, cold=_cold(item, frame["shown_at"].to_numpy(np.int64), dataset.log),
            degraded=frame["degraded"].notna().to_numpy(), value=frame["value"].to_numpy(np.float64), items=items,
            **{name: frame[name].to_numpy(bool) for name in flags},
        )  # fmt: skip

    def where(self, mask: Bools) -> "_Shown":
        """The impressions that a mask keeps."""
        kept: dict[str, Any] = {
            name: values[mask] if isinstance(values, np.ndarray) else values for name, values in vars(self).items()
        }
        return _Shown(**kept)


def _taken_before(user: Indices, item: Indices, known: Log) -> Bools:
    """(N,) whether the user had taken the item."""
    pairs = distinct(known.user.astype(np.int64) * known.items + known.item)
    there = (user >= 0) & (item >= 0)
    return is_among(user.astype(np.int64) * known.items + item, pairs) & there


def _cold(item: Indices, shown_at: Ints, log: Log) -> Bools:
    """(N,) whether nobody had bought the item when it was shown."""
    first = np.full(log.items + 1, np.iinfo(np.int64).max)  # the last one for what is not of the catalogue
    np.minimum.at(first, log.item[log.target], log.at[log.target])
    cold: Bools = first[item] >= shown_at
    return cold


def figures(shown: _Shown, *, seed: int) -> dict[str, Any]:
    """The figures of some impressions, at least one; null for what cannot be known."""
    of_catalogue = shown.item[shown.item >= 0][:, None]
    slates, first = np.unique(shown.slate, return_index=True)
    ctr, conversion = _rates(shown, seed)
    revenue: Doubles = np.bincount(shown.user, shown.value)[np.unique(shown.user)].astype(np.float64)
    per_user = mean_interval(revenue, np.arange(len(revenue)), seed=seed, draws=DRAWS)
    return {
        "slates": len(slates), "impressions": len(shown.item), "users": len(revenue),
        "coverage": coverage(of_catalogue, shown.items) if shown.items else None,
        "gini": gini(of_catalogue, shown.items) if len(of_catalogue) else None,
        "novelty": float(np.nanmean(shown.novelty)) if len(of_catalogue) else None,
        "serendipity": float(np.mean(shown.clicked & shown.unexpected)),
        "explored_share": float(np.mean(shown.explored)), "cold_share": float(np.mean(shown.cold)),
        "degraded_share": float(np.mean(shown.degraded[first])), "settled_share": float(np.mean(shown.settled)),
        "ctr": ctr, "conversion": conversion, "revenue_per_user": per_user.as_dict(),
    }  # fmt: skip


def _rates(shown: _Shown, seed: int) -> list[dict[str, float | None]]:
    """Clicks and purchases over impressions, each with its interval."""
    values = np.stack([shown.clicked, shown.converted], axis=1).astype(np.float64)
    drawn = resampled_means(values, shown.user, seed=seed, draws=DRAWS)
    return [interval.as_dict() for interval in intervals(means(values), drawn)]


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
