"""How fast the champion's ranker scores candidates: XGBoost's own predictor beside the flat forest."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ml.bundle.bundle import Bundle
from ml.data.arrays import Floats
from ml.errors import BadInput
from ml.ranking.candidates import merge
from ml.ranking.forest import Forest
from ml.ranking.frame import build_frame
from ml.steps.recommending import champion

SLATES = (1, 8, 32)  # requests scored by one call
REPEATS = 30


def bench_ranker(domain: str) -> list[dict[str, Any]]:
    """Milliseconds of one call for the candidates of 1, 8 and 32 requests, on one thread, the best of some repeats.

    Returns:
        A row a number of requests: `slates`, `rows` (candidates), `xgboost_ms` (in place), `forest_ms`, `ratio`, and
        `difference`, the largest between two scores.

    Raises:
        BadInput: The champion's ranker is not of trees, or they are too deep for the flat forest.
    """
    _, bundle = champion(domain)
    ranker = bundle.recommender.ranker
    forest = getattr(ranker, "forest", None)
    if forest is None:
        raise BadInput(f"the ranker of {domain}'s champion is no forest that lies flat: there is nothing to compare")
    return [_compared(ranker, forest, _values(bundle, count), count) for count in SLATES]


def _values(bundle: Bundle, count: int) -> Floats:
    """(N, F) the features of the candidates of the first users."""
    requests, recommender = bundle.requests(np.arange(count, dtype=np.int32)), bundle.recommender
    candidates = merge(recommender.retrieve(requests), recommender.quotas, recommender.maximum)
    frame = build_frame(recommender.visible.requests(requests), candidates, bundle.snapshot)
    return np.ascontiguousarray(frame.select(recommender.ranker.features))


def _compared(ranker: Any, forest: Forest, values: Floats, count: int) -> dict[str, Any]:
    ranker.booster.set_param({"nthread": 1})

    def own() -> Floats:
        found: Floats = ranker.booster.inplace_predict(values, validate_features=False)
        return found

    difference = float(np.abs(own() - forest.predict(values)).max(initial=0.0))
    xgboost_ms, forest_ms = _best(own), _best(lambda: forest.predict(values))
    took = {
        "xgboost_ms": round(xgboost_ms, 3),
        "forest_ms": round(forest_ms, 3),
        "ratio": round(xgboost_ms / forest_ms, 2),
    }
    return {"slates": count, "rows": len(values), **took, "difference": difference}


def _best(call: Callable[[], Floats]) -> float:
    """Milliseconds of the quickest of some calls: what the machine does meanwhile only adds to it."""
    took = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        call()
        took.append(time.perf_counter() - started)
    return min(took) * 1_000
