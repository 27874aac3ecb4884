"""What the sum of index search, features and ranker takes alone, in one process and without a server: the limit."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.bundle.bundle import Bundle
from ml.data.arrays import Indices, Ints
from ml.data.requests import Requests
from ml.ranking.candidates import Candidates, merge
from ml.ranking.frame import build_frame
from ml.retrieval.contract import Ranking
from ml.settings import changed_settings
from ml.steps.serving_process import on_cores
from ml.threads import at_most

BATCHES = (1, 8, 32)
SEARCHED = 100  # items that the index is asked for
USERS = 256  # requests that are measured, in batches
ROUNDS = 3


def measure_limit(bundle: Bundle, user_ids: list[str], core: int) -> dict[str, Any]:
    """Milliseconds of each part for one request, by size of the batch.

    Candidates and vectors of requests are made beforehand: what is measured is what nobody can leave out.

    Args:
        bundle: The champion's.
        user_ids: Whose slates; unknown ones are as unknown here.
        core: The one that it may use.

    Returns:
        `candidates`: the least, the median and the most that were ranked for a request; `batches`: by size `search`,
        `features`, `rank` and `all` (milliseconds a request), and `slates_per_second`.
    """
    wanted = user_ids[:USERS]
    user = bundle.users.encode(np.asarray(wanted, object))
    with changed_settings(threads=1), on_cores([core]), at_most(1):
        work = _Work.of(bundle, user)
        counts = np.diff(work.candidates(np.arange(len(user))).offsets)
        batches = {str(size): _batch(work, size) for size in BATCHES}
    told = {"least": int(counts.min()), "median": float(np.median(counts)), "most": int(counts.max())}
    return {"requests": len(wanted), "candidates": told, "batches": batches}


@dataclass(frozen=True)
class _Work:
    """R requests with what was found for them beforehand."""

    bundle: Bundle
    requests: Requests  # as the models see them
    rankings: Mapping[str, Ranking]
    queries: Any  # (R, D) vectors of the requests; None: the bundle has no index

    @classmethod
    def of(cls, bundle: Bundle, user: Indices) -> "_Work":
        recommender, requests = bundle.recommender, bundle.requests(user)
        seen, index = recommender.visible.requests(requests), bundle.manifest["index"]
        rankings = recommender.retrieve(requests, exclude=requests.without(None))
        model: Any = index and recommender.retrievers[index["retriever"]]
        return cls(bundle, seen, rankings, None if index is None else model.user_vectors(seen))

    def candidates(self, rows: Ints) -> Candidates:
        """What was found for these requests, merged."""
        taken = {name: Ranking(found.item[rows], found.score[rows]) for name, found in self.rankings.items()}
        return merge(taken, self.bundle.recommender.quotas, self.bundle.recommender.maximum)

    def once(self, rows: Ints) -> dict[str, float]:
        """Seconds that each part takes for these requests together."""
        requests, candidates, bundle = self.requests.take(rows), self.candidates(rows), self.bundle
        taken = {"search": 0.0}
        if self.queries is not None:
            queries, index = self.queries[rows], bundle._index[0]
            _, taken["search"] = _timed(lambda: index.search(queries, SEARCHED))
        frame, taken["features"] = _timed(lambda: build_frame(requests, candidates, bundle.snapshot))
        _, taken["rank"] = _timed(lambda: bundle.recommender.ranker.predict(frame))
        return taken


def _batch(work: _Work, size: int) -> dict[str, float]:
    batches = [np.arange(start, start + size) for start in range(0, len(work.requests) - size + 1, size)]
    work.once(batches[0])  # sets up
    taken = [work.once(rows) for _ in range(ROUNDS) for rows in batches]
    milliseconds = {name: 1_000 * float(np.mean([each[name] for each in taken])) / size for name in taken[0]}
    whole = sum(milliseconds.values())
    return {**milliseconds, "all": whole, "slates_per_second": 1_000 / whole}


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    made = work()
    return made, time.perf_counter() - started
