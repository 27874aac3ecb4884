"""A little stall to re-rank: items by number, two categories under each of two departments."""

from dataclasses import replace

import numpy as np
import pandas as pd

from ml.data.arrays import Ragged
from ml.data.facts import DAY_US, FactTable
from ml.data.occurrences import Occurrences
from ml.data.requests import History, Requests
from ml.domains.facts import Fact
from ml.domains.reranking import Reranking
from ml.reranking.catalogue import Catalogue
from ml.reranking.choice import Choice
from ml.reranking.past import Intervals
from ml.reranking.pool import Pool
from ml.reranking.reranker import Reranked, rerank

DAY = 20_000  # of every request, in days since 1970
MOMENT = DAY * DAY_US
RISK = {"risk": Fact(kind="number", description="1 (safe) to 7")}


def catalogue(items: int, categories: int = 4, vectors: np.ndarray | None = None, **columns: list) -> Catalogue:
    """Item n is called `i<n>`, is of category n modulo the number of them, and of risk 1 + n modulo 7."""
    frame = pd.DataFrame({"item_id": [f"i{n}" for n in range(items)], **columns})
    if "category" not in frame:
        frame["category"] = [f"c{n % categories}" for n in range(items)]
    if "category_path" not in frame:
        frame["category_path"] = [[f"d{n % categories % 2}", f"c{n % categories}"] for n in range(items)]
    risk = np.array([[1 + n % 7] for n in range(items)], np.float32)
    return Catalogue.of(frame, FactTable(RISK, risk, {}), vectors)


def requests(rows: int, moment: int = MOMENT) -> Requests:
    """Request n is of user n."""
    empty = np.zeros(0, np.int32)
    history = History(np.zeros(rows + 1, np.int64), empty, empty.astype(np.int64), empty, empty.astype(np.float32))
    return Requests(
        np.arange(rows, dtype=np.int32), np.full(rows, moment), np.full(rows, -1, np.int32), history, Ragged.empty(rows)
    )


def pool(rows: int, items: int) -> Pool:
    """Every item in the order of its number, scored from the number of items down to 1."""
    item = np.tile(np.arange(items, dtype=np.int32), (rows, 1))
    return Pool(item, (items - item).astype(np.float32), np.ones(item.shape, np.int64))


def told(asked: Requests, **events: list[tuple[int, int, float]]) -> Requests:
    """The same requests after these events of (user, item, days before the moment), by type."""
    return replace(asked, occurrences={name: _occurrences(each) for name, each in events.items()})


def _occurrences(events: list[tuple[int, int, float]]) -> Occurrences:
    user, item, days = np.array(events, float).reshape(-1, 3).T
    return Occurrences.of_events(
        user.astype(np.int32), item.astype(np.int32), (MOMENT - days * DAY_US).astype(np.int64)
    )


def slates(policy: Reranking, k: int = 5, items: int = 12, rows: int = 1, **given: object) -> Reranked:
    """Re-rank the whole stall; whatever is not given is harmless."""
    candidates = given.get("pool", pool(rows, items))
    allowed = given.get("allowed", np.ones(candidates.item.shape, bool))
    asked = given.get("requests", requests(rows))
    stall = given.get("catalogue", catalogue(items))
    intervals = Intervals.of(asked.occurrences.get("buy", Occurrences.none()), len(stall.ids))
    return rerank(policy, candidates, allowed, stall, intervals, asked, given.get("choice", Choice()), k)
