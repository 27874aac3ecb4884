"""Reads the traces of everybody from a published features artifact."""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from ml.data.arrays import Floats, Ints
from ml.data.dataset import Dataset
from ml.data.vocabulary import Vocabulary
from ml.data.windows import to_micros
from ml.domains import Domain
from ml.errors import RunFailed
from ml.features.declarations import PLACEMENT_COLUMNS
from ml.features.store import FeatureStore
from ml.features.trace import COLUMNS, Trace
from ml.features.trace_log import TraceLog, indexed

DESCRIBED = ("category", "brand", "private_brand")  # what the catalogue said when it happened


def read_traces(dataset: Dataset, store: FeatureStore, until: int | None = None) -> TraceLog:
    """The traces of everybody in a data set, in its vocabularies.

    Args:
        dataset: As loaded, with its whole past.
        store: Of the same data set.
        until: Only events before this instant (microseconds since 1970 UTC); default: the data set's own.

    Raises:
        RunFailed: The artifact was published before it told events' categories.
    """
    until = to_micros(dataset.windows.as_of) if until is None else until
    events = _read(dataset.path, until)
    row, rows, known = _rows(events, dataset.users)
    kinds = kinds_of(dataset.domain, events["event_type"])
    categories = _extended(store.categories, events["category"])
    brands = _extended(Vocabulary(np.zeros(0, object)), events["brand"])
    columns = {name: events[name].to_numpy() for name in COLUMNS if name in events} | {
        "item": dataset.items.encode(events["item_id"]), "place": dataset.places.encode(events["place_id"]),
        "category": categories.encode(events["category"]), "brand": brands.encode(events["brand"]),
        "kind": pd.Index(kinds).get_indexer(events["event_type"]),
        "name": np.array([name.encode() for name in events["event_id"]], np.bytes_),
    }  # fmt: skip
    trace = Trace.of_events(kinds, row, rows, columns)
    offsets, positions = indexed(trace, len(dataset.items))
    placed = placement_shares(dataset.path, dataset.items, to_micros(dataset.windows.as_of))
    return TraceLog(
        trace, known, len(dataset.users), len(dataset.items), categories, brands, offsets, positions,
        placed,
    )  # fmt: skip


def kinds_of(domain: Domain, seen: pd.Series) -> tuple[str, ...]:
    """The event types that traces tell apart: those with a weight first, numbered as in the log of models."""
    declared = [*domain.event_weights, *domain.data_rules.event_types, *domain.told_events]
    declared += [*domain.holdings.begin, *domain.holdings.end]
    return tuple(dict.fromkeys([*declared, *sorted(seen.unique())]))


def _read(path: Path, until: int) -> pd.DataFrame:
    file = str(path / "events.parquet")
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2; SET TimeZone = 'UTC'")
        there = connection.execute("SELECT name FROM parquet_schema($file)", {"file": file}).df()["name"]
        if missing := set(DESCRIBED) - set(there):
            raise RunFailed(f"{file} does not tell {', '.join(sorted(missing))}: build and publish the features again")
        return connection.execute(
            """
            SELECT user_id, known_user, item_id, place_id, category, brand, event_type, event_id,
                   epoch_us(occurred_at) AS at, private_brand, promoted,
                   CAST(value AS FLOAT) AS value, CAST(quantity AS FLOAT) AS quantity,
                   CAST(seconds AS FLOAT) AS seconds, CAST(discount AS FLOAT) AS discount,
                   md5_number_lower(event_id) AS event, md5_number_lower(session_id) AS session_bits
            FROM read_parquet($file) WHERE epoch_us(occurred_at) < $until
            """,
            {"file": file, "until": until},
        ).df().assign(session=lambda frame: frame.pop("session_bits").to_numpy(np.uint64).view(np.int64))  # fmt: skip


def _rows(events: pd.DataFrame, users: Vocabulary) -> tuple[Ints, int, np.ndarray]:
    """(N,) row of each event, how many rows there are, and (R,) whether the source says who each is."""
    row = users.encode(events["user_id"]).astype(np.int64)
    others, _ = pd.factorize(events["user_id"][row < 0])
    row[row < 0] = len(users) + others
    rows = len(users) + int(others.max(initial=-1)) + 1
    known = np.ones(rows, bool)
    known[row] = events["known_user"].to_numpy(bool)
    return row, rows, known


def _extended(vocabulary: Vocabulary, seen: pd.Series) -> Vocabulary:
    """The identifiers of a vocabulary with their numbers, then those that were seen beside them."""
    more = sorted(set(seen.dropna().unique()) - set(vocabulary.ids))
    return Vocabulary(np.concatenate([vocabulary.ids, np.array(more, object)]))


def placement_shares(path: Path, items: Vocabulary, moment: int) -> Floats:
    """(items, 2) share of the places with any placement in force at a snapshot's instant that show each item."""
    with duckdb.connect() as connection:
        shown = connection.execute(
            "SELECT * FROM read_parquet($file) WHERE epoch_us(as_of) = $as_of",
            {"file": str(path / "item_placements.parquet"), "as_of": moment},
        ).df()
    found = np.zeros((len(items), len(PLACEMENT_COLUMNS)), np.float32)
    row, places = items.encode(shown["item_id"]), max(shown["place_id"].nunique(), 1)
    for column, of in enumerate(PLACEMENT_COLUMNS):
        there = shown[of].fillna(0).astype(bool).to_numpy() if of in shown else np.zeros(len(shown), bool)
        found[:, column] = np.bincount(row[(row >= 0) & there], minlength=len(items)) / places
    return found
