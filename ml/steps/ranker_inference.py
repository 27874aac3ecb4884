"""How fast the champion's ranker scores candidates: XGBoost's own predictor, the flat forest, treelite, ONNX Runtime."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.bundle.bundle import Bundle
from ml.data.arrays import Floats
from ml.errors import BadInput
from ml.ranking.candidates import merge
from ml.ranking.frame import build_frame
from ml.ranking.tree_predictors import TREE_PREDICTORS, XGBOOST, Predict, TreePredictor
from ml.steps.recommending import champion

if TYPE_CHECKING:
    import xgboost

SLATES = (1, 8, 32)  # requests scored by one call
ROUNDS, CALLS = 5, 6  # each predictor in turn, so that what the machine does meanwhile falls on all of them
OPENINGS = 5


def bench_ranker(domain: str) -> dict[str, Any]:
    """Milliseconds of one call for the candidates of 1, 8 and 32 requests, on one thread, the best of some repeats.

    Returns:
        `trees`, `depth`, `features`; `batches`, of which each has `slates` and `rows` (candidates); and `predictors`,
        as `compare_predictors` gives them.

    Raises:
        BadInput: The champion's ranker is not of trees, or they are too deep for the flat forest.
    """
    _, bundle = champion(domain)
    ranker: Any = bundle.recommender.ranker
    forest = getattr(ranker, "forest", None)
    if forest is None:
        raise BadInput(f"the ranker of {domain}'s champion is no forest that lies flat: there is nothing to compare")
    batches = [_values(bundle, count) for count in SLATES]
    return {
        "trees": len(forest.leaf),
        "depth": forest.depth,
        "features": forest.features,
        "batches": [
            {"slates": count, "rows": len(values)} for count, values in zip(SLATES, batches, strict=True)
        ],
        "predictors": compare_predictors(ranker.booster, batches),
    }  # fmt: skip


def compare_predictors(booster: "xgboost.Booster", batches: Sequence[Floats]) -> list[dict[str, Any]]:
    """Every way to score trees on the same rows, in the same run.

    Args:
        booster: Fitted, of one output.
        batches: (N, F) rows each; none is empty.

    Returns:
        A row a predictor: `predictor`; `missing`, what has to be installed before it can be measured (null: nothing;
        otherwise all that follows is null); `ms` of one call for each batch; `difference`, the largest between a
        score and XGBoost's; `file_kb`; `write_ms`, from the booster to the file; `open_ms`, from the file to the
        score of the first row, the library once imported.
    """
    with TemporaryDirectory() as folder:
        opened = [_opened(predictor, booster, Path(folder), batches[0][:1]) for predictor in TREE_PREDICTORS]
        predicts = [predict for _, predict in opened if predict]
        took = iter(_best_of_rounds(predicts, batches))
        expected = [XGBOOST.open(Path(folder) / XGBOOST.file)(values) for values in batches]
        rows = []
        for row, predict in opened:
            measured = {"ms": next(took), "difference": _difference(predict, batches, expected)} if predict else {}
            rows.append(row | measured)
        return rows


def _opened(
    predictor: TreePredictor, booster: "xgboost.Booster", folder: Path, row: Floats
) -> tuple[dict[str, Any], Predict | None]:
    """What one predictor costs before it scores, and its scoring; None where something is not installed."""
    described = {"predictor": predictor.name, "missing": predictor.missing(), "ms": None, "difference": None}
    if described["missing"]:
        return described | {"file_kb": None, "write_ms": None, "open_ms": None}, None
    path = folder / predictor.file
    started = time.perf_counter()
    predictor.write(booster, path)
    write_ms = 1_000 * (time.perf_counter() - started)
    predict = predictor.open(path)
    predict(row)  # imports and compiles what scoring needs
    open_ms = _best(lambda: predictor.open(path)(row), OPENINGS)
    costs = {"file_kb": path.stat().st_size / 1_000, "write_ms": write_ms, "open_ms": open_ms}
    return described | {name: round(value, 1) for name, value in costs.items()}, predict


def _best_of_rounds(predicts: Sequence[Predict], batches: Sequence[Floats]) -> list[list[float]]:
    """Milliseconds of each predictor for each batch."""
    best = np.full((len(predicts), len(batches)), np.inf)
    for column, values in enumerate(batches):
        for _ in range(ROUNDS):
            for row, predict in enumerate(predicts):
                took = _best(partial(predict, values), CALLS)
                best[row, column] = min(best[row, column], took)
    return [[round(float(value), 3) for value in row] for row in best]


def _best(call: Callable[[], object], repeats: int) -> float:
    """Milliseconds of the quickest of some calls: what the machine does meanwhile only adds to it."""
    took = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        took.append(time.perf_counter() - started)
    return min(took) * 1_000


def _difference(predict: Predict, batches: Sequence[Floats], expected: Sequence[Floats]) -> float:
    pairs = zip(batches, expected, strict=True)
    return max(float(np.abs(predict(values) - scores).max()) for values, scores in pairs)


def _values(bundle: Bundle, count: int) -> Floats:
    """(N, F) the features of the candidates of the first users."""
    requests, recommender = bundle.requests(np.arange(count, dtype=np.int32)), bundle.recommender
    candidates = merge(recommender.retrieve(requests), recommender.quotas, recommender.maximum)
    frame = build_frame(recommender.visible.requests(requests), candidates, bundle.snapshot)
    return np.ascontiguousarray(frame.select(recommender.ranker.features))
