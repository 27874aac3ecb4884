"""Whether serving's features are those of the marts: the last days of a log are replayed, and everybody is compared."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ml.artifacts import read_json
from ml.data.arrays import Floats, Indices, Ints
from ml.data.dataset import Dataset, load_dataset
from ml.data.windows import to_micros
from ml.errors import BadInput, RunFailed
from ml.features.declarations import load_declarations
from ml.features.evaluator import ITEM, USER, USER_CATEGORY, USER_ITEM, Evaluator
from ml.features.item_evaluation import Since, item_features
from ml.features.programs import DAY_US
from ml.features.store import FeatureStore, Snapshot, Table
from ml.features.trace import COLUMNS, Trace
from ml.features.trace_log import TraceLog
from ml.features.trace_reading import read_traces
from ml.settings import settings
from ml.steps.record import recorded

TOLERANCE = 1e-5  # of a value, or of one where the value is smaller
BATCHES = 8  # in which the last days arrive
REPEATED = 0.05  # share of the events that arrive a second time


@dataclass(frozen=True)
class _Compared:
    """The same features from the marts and from traces, a row a user, item, or pair of them."""

    mart: str
    names: tuple[str, ...]
    expected: Floats  # (K, F)
    found: Floats  # (K, F)
    keys: tuple[tuple[str, Any, Indices], ...]  # what each row is about: word, vocabulary's identifiers, (K,) numbers


@recorded("parity")
def parity(domain: str, days: int = 30, seed: int = 7) -> dict[str, Any]:
    """Compare every feature of everybody, computed as serving does, with the published marts.

    Each user starts with the trace of `days` ago. The events since arrive in batches, out of order, some twice; then
    every feature as of the artifact's instant must be what the mart says.

    Args:
        domain: Whose published features are compared.
        days: How much of the log arrives late.
        seed: Of the order of arrival.

    Returns:
        What was compared, and the largest error of each feature: of the value, or of one where that is smaller.

    Raises:
        BadInput: There are no such days.
        RunFailed: A value differs by more than 0.00001, or a row is missing: the message names the feature and whose.
    """
    if days < 1:
        raise BadInput(f"days: {days} is not at least 1")
    dataset, store, whole, evaluator = published_traces(domain)
    as_of = to_micros(dataset.windows.as_of)
    base = whole.trace.before(np.full(len(whole.trace), as_of - days * DAY_US))
    arriving = np.flatnonzero(whole.trace.at >= as_of - days * DAY_US)
    trace = replay(base, whole.trace, arriving, np.random.default_rng(seed))
    told, snapshot = replace(whole, trace=trace), store.at(as_of)
    tables = [
        *_of_users(evaluator, told, snapshot, store),
        _of_items(evaluator, replace(whole, trace=base), told, snapshot, store),
    ]
    return {
        "domain": domain, "as_of": dataset.windows.as_of.isoformat(), "days": days, "users": len(dataset.users),
        "sealed_events": len(base.at), "arriving_events": len(arriving), "tolerance": TOLERANCE,
        "features": [row for table in tables for row in _judged(table)],
    }  # fmt: skip


def published_traces(domain: str) -> tuple[Dataset, FeatureStore, TraceLog, Evaluator]:
    """The published features of a domain, everybody's traces, and what computes all features from them.

    Raises:
        RunFailed: No features are published, or they are from before events told what they were about.
    """
    pointer = settings().domain_path("current", domain) / "features.json"
    if not pointer.exists():
        raise RunFailed(f"no features of {domain} are published. Run: slate features --domain {domain}")
    dataset = load_dataset(Path(read_json(pointer)["path"]))
    store = FeatureStore.of(dataset)
    log, hour = read_traces(dataset, store), dataset.windows.protocol.day_starts_at_hour
    return dataset, store, log, Evaluator.of(load_declarations(), log.trace.kinds, hour, store.features)


def replay(base: Trace, whole: Trace, arriving: Ints, rng: np.random.Generator) -> Trace:
    """What users did, from a base and the other events (positions in `whole`) that arrive shuffled, some twice."""
    twice = arriving[rng.random(len(arriving)) < REPEATED]
    known = rng.integers(0, max(len(whole.at), 1), int(REPEATED * len(arriving)))  # told again, most of the base
    order = rng.permutation(np.concatenate([arriving, twice, known[: len(whole.at)]]).astype(np.int64))
    for batch in np.array_split(order, BATCHES):
        columns = {name: getattr(whole, name)[batch] for name in (*COLUMNS, "name")}
        base = base.merged(Trace.of_events(whole.kinds, whole.rows[batch], len(whole), columns))
    return base


def _of_users(evaluator: Evaluator, told: TraceLog, snapshot: Snapshot, store: FeatureStore) -> list[_Compared]:
    rows = np.arange(told.users)
    found = evaluator.users(told.of(rows), np.full(told.users, snapshot.as_of))
    users = ("user", store.users.ids)
    pair, category = found.pair_offsets, found.category_offsets
    kept = found.category < snapshot.user_category.width
    return [
        _Compared(USER, snapshot.user_names, snapshot.user, found.user, ((*users, rows.astype(np.int32)),)),
        _same_rows(
            USER_ITEM, snapshot.user_item, np.repeat(rows, np.diff(pair)), found.pair_item, found.pair_values,
            (users, ("item", store.items.ids)),
        ),
        _same_rows(
            USER_CATEGORY, snapshot.user_category, np.repeat(rows, np.diff(category))[kept], found.category[kept],
            found.category_values[kept], (users, ("category", store.categories.ids)),
        ),
    ]  # fmt: skip


def _same_rows(
    mart: str, table: Table, left: Ints, right: Indices, values: Floats, words: tuple[tuple[str, Any], tuple[str, Any]]
) -> _Compared:
    """The table with the values of the same rows; raises `RunFailed` where a row is in one of them only."""
    keys = left * table.width + right
    if len(strange := np.setxor1d(keys, table.keys)):
        which, numbers = "traces" if np.isin(strange[0], keys) else "the mart", divmod(int(strange[0]), table.width)
        named = ", ".join(f"{word} {ids[number]}" for (word, ids), number in zip(words, numbers, strict=True))
        raise RunFailed(f"{len(strange)} rows of {mart} are in one of both: that of {named} is in {which} only")
    return _Compared(
        mart, table.names, np.asarray(table.values), values,
        ((*words[0], left.astype(np.int32)), (*words[1], right)),
    )  # fmt: skip


def _of_items(
    evaluator: Evaluator, base: TraceLog, told: TraceLog, snapshot: Snapshot, store: FeatureStore
) -> _Compared:
    """Items from the base of whoever did nothing since and the whole traces of everybody else."""
    active = np.flatnonzero(np.diff(told.trace.offsets) != np.diff(base.trace.offsets))
    found = item_features(evaluator, base, snapshot.as_of, since=[Since(told.trace.take(active), active)])
    names = store.features[ITEM]
    numbers = np.arange(base.items, dtype=np.int32)
    return _Compared(ITEM, names, snapshot.item[:, : len(names)], found, (("item", store.items.ids, numbers),))


def _judged(table: _Compared) -> list[dict[str, Any]]:
    """The rows compared and the largest error of each feature; raises `RunFailed` where one is too large."""
    found = []
    for column, name in enumerate(table.names):
        expected, value = table.expected[:, column].astype(np.float64), table.found[:, column].astype(np.float64)
        error = np.abs(value - expected) / np.maximum(np.abs(expected), 1)
        error = np.where(np.isnan(value) & np.isnan(expected), 0, np.where(np.isnan(error), np.inf, error))
        worst = int(np.argmax(error)) if len(error) else -1
        if worst >= 0 and error[worst] > TOLERANCE:
            whose = ", ".join(f"{word} {ids[numbers[worst]]}" for word, ids, numbers in table.keys)
            raise RunFailed(
                f"{table.mart}.{name} of {whose} is {value[worst]:g} from traces and {expected[worst]:g} in the mart "
                f"({int((error > TOLERANCE).sum())} of {len(error)} rows differ)"
            )
        known = int((~np.isnan(expected)).sum())
        largest = float(error[worst]) if worst >= 0 else 0.0
        found.append(
            {"mart": table.mart, "feature": name, "rows": len(error), "known": known, "largest_error": largest}
        )
    return found
