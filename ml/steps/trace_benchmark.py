"""How long serving's features take, measured on the published ones."""

from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from time import process_time
from typing import Any

import numpy as np

from ml.data.windows import to_micros
from ml.errors import RunFailed
from ml.features.evaluator import Evaluator
from ml.features.item_evaluation import item_features
from ml.features.programs import DAY_US
from ml.features.trace_log import TraceLog
from ml.steps.feature_parity import published_traces

BATCH = 32  # users who are answered together
SOME = 500  # items
AGO = 30 * DAY_US  # what happened since is merged


def bench_traces(domain: str) -> list[dict[str, Any]]:
    """Time features of users and items as of the published instant, on one thread.

    The users are those whose number of events is closest to the mean. Times are of the processor, the median of several
    runs after one that does not count, which compiles.

    Returns:
        One row a measurement: `what`, `events`, `rows` of features, `milliseconds`.

    Raises:
        RunFailed: No features are published, or nobody did anything.
    """
    dataset, _, log, evaluator = published_traces(domain)
    if not len(log.trace.at):
        raise RunFailed(f"{domain} has no events: land some, and run `slate features --domain {domain}`")
    return [
        *_users(log, evaluator, to_micros(dataset.windows.as_of)),
        *_items(log, evaluator, to_micros(dataset.windows.as_of)),
    ]


def _users(log: TraceLog, evaluator: Evaluator, as_of: int) -> Iterator[dict[str, Any]]:
    events = np.diff(log.trace.offsets)[: log.users]
    usual = np.argsort(np.abs(events - events.mean()), kind="stable")
    for count in (1, BATCH):
        rows = usual[:count]
        whose = "one user" if len(rows) == 1 else f"{len(rows)} users"
        trace, moment = log.of(rows), np.full(len(rows), as_of)
        found, took = _timed(partial(evaluator.users, trace, moment), 50)
        yield _row(f"features of {whose}", len(trace.at), len(found.pair_item) + len(found.category), took)
        before = trace.before(moment - AGO)
        _, took = _timed(partial(before.merged, trace), 50)
        yield _row(f"30 days more of {whose}", len(trace.at), len(trace.at) - len(before.at), took)


def _items(log: TraceLog, evaluator: Evaluator, as_of: int) -> Iterator[dict[str, Any]]:
    some = np.arange(min(SOME, log.items), dtype=np.int32)
    for what, only in (("one item", some[:1]), (f"{len(some)} items", some), ("all items", None)):
        found, took = _timed(partial(item_features, evaluator, log, as_of, only=only), 5)
        yield _row(f"features of {what}", len(log.trace.at), len(found), took)


def _row(what: str, events: int, rows: int, milliseconds: float) -> dict[str, Any]:
    return {"what": what, "events": events, "rows": rows, "milliseconds": round(milliseconds, 3)}


def _timed(run: Callable[[], Any], times: int) -> tuple[Any, float]:
    """The result, and the median of several runs after the first in milliseconds."""
    result, taken = run(), []
    for _ in range(times):
        start = process_time()
        run()
        taken.append(1000 * (process_time() - start))
    return result, median(taken)
