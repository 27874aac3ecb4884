"""Whether corrections of position bias work: on clicks whose examination curve and whose relevance are known.

First the curve is estimated from logs of several rankers with swaps. Then each ranker learns from true relevance, from
clicks as they are, and from clicks with each correction; all are judged by the true relevance of unseen requests.

Shapes: K positions, R requests, D draws of the bootstrap.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from time import process_time
from typing import Any

import numpy as np

from ml.domains.frozen import Frozen
from ml.evaluation.arrays import Doubles
from ml.evaluation.significance import intervals, mean_interval, means, paired_difference, resampled_means
from ml.logs import progress
from ml.ranking import LabelledFrame, get_ranker
from ml.ranking.clicks import ClickModel, log_clicks, planted
from ml.ranking.contract import ndcg_by_request
from ml.ranking.dcn import DcnParameters
from ml.ranking.lambdamart import LambdaMartParameters
from ml.ranking.position_bias import ClickLog, examination_curve, inverse_propensities

TRUTH, CLICKS, WEIGHTS = "true relevance", "clicks as they are", "clicks by inverse propensity"
OWN = {"lambdamart": "clicks, unbiased objective of XGBoost", "dcn": "clicks, position tower left out at serving"}
# More passes than over a shop's rows: there are fewer of these.
PARAMETERS: Mapping[str, Frozen] = {"lambdamart": LambdaMartParameters(), "dcn": DcnParameters(epochs=12, device="cpu")}
CURVE_SAYS = (
    "True: how likely a position is to be examined in the click model. Estimated: by intervention harvesting, from "
    "clicks alone, in the first log; lowest and highest: over all logs. Share of clicks: what it looks like without "
    "correction, since rankers put what is relevant on top."
)
TRAININGS_SAY = (
    "ndcg@10: on requests that no training saw, by their true relevance. Gain: over the same ranker on clicks as they "
    "are. Gap closed: the gain as a share of what true relevance gains. Intervals: 95 %, paired bootstrap over requests."
)


@dataclass(frozen=True)
class Sizes:
    """How much is drawn; all but `positions` and `logs` are requests."""

    positions: int = 10
    logs: int = 3  # that the curve is estimated from, each alone
    logged: int = 200_000  # in each log
    trained: int = 10_000
    validated: int = 3_000
    judged: int = 10_000


@dataclass(frozen=True)
class _Shown:
    """Requests with what is true of them, and what was clicked."""

    truth: LabelledFrame
    log: ClickLog

    @classmethod
    def drawn(cls, requests: int, model: ClickModel, generator: np.random.Generator) -> "_Shown":
        truth = planted(requests, len(model.examination), generator)
        return cls(truth, log_clicks(truth, model, generator))

    def as_they_are(self) -> LabelledFrame:
        return LabelledFrame(self.truth.frame, self.log.click)

    def weighted(self, curve: Doubles) -> LabelledFrame:
        weight = inverse_propensities(curve, self.log.position)
        return LabelledFrame(self.truth.frame, self.log.click, weight=weight)

    def placed(self) -> LabelledFrame:
        return LabelledFrame(self.truth.frame, self.log.click, position=self.log.position)


def check(seed: int, sizes: Sizes = Sizes()) -> dict[str, Any]:
    """Estimate the curve, train with and without corrections, and compare with what is true.

    Returns:
        JSON-able: `examination` with a row a position, `trainings` with a row a ranker and what it learns from, what
        the figures of each are, and the CPU seconds of it all.
    """
    started = process_time()
    generator = np.random.default_rng(seed)
    model = ClickModel.power(sizes.positions)
    examination, curve = _curves(model, sizes, generator)
    train, held_out = (_Shown.drawn(requests, model, generator) for requests in (sizes.trained, sizes.validated))
    judged = planted(sizes.judged, sizes.positions, generator)
    rows = [row for name in PARAMETERS for row in _trainings(name, train, held_out, judged, curve, seed)]
    trainings = {"rows": rows, "requests": sizes.judged, "what": TRAININGS_SAY}
    return {"examination": examination, "trainings": trainings, "cpu_seconds": process_time() - started}


def _curves(model: ClickModel, sizes: Sizes, generator: np.random.Generator) -> tuple[dict[str, Any], Doubles]:
    """What is said of the curve, and the one that the first log gives."""
    found, clicked = [], []
    for _ in progress(range(sizes.logs), "logs"):
        log = _Shown.drawn(sizes.logged, model, generator).log
        found.append(examination_curve(log))
        clicked.append(np.bincount(log.position, weights=log.click))
    curves = np.stack(found)  # (logs, K)
    error = np.abs(curves / model.examination - 1).max()
    columns = {
        "true": model.examination, "estimated": curves[0], "lowest": curves.min(axis=0), "highest": curves.max(axis=0),
        "share_of_clicks": clicked[0] / clicked[0][0],
    }  # fmt: skip
    rows = [
        {"position": place + 1} | {name: float(values[place]) for name, values in columns.items()}
        for place in range(sizes.positions)
    ]
    said = {"positions": rows, "largest_error": float(error), "logs": sizes.logs, "requests": sizes.logged}
    return said | {"what": CURVE_SAYS}, curves[0]


def _trainings(
    name: str, train: _Shown, held_out: _Shown, judged: LabelledFrame, curve: Doubles, seed: int
) -> list[dict[str, Any]]:
    """Train a ranker on what is true and on clicks with each treatment; a row each."""
    # Whoever corrects has the curve, so corrected clicks also say when to stop.
    frames = {
        TRUTH: (train.truth, held_out.truth),
        CLICKS: (train.as_they_are(), held_out.as_they_are()),
        WEIGHTS: (train.weighted(curve), held_out.weighted(curve)),
        OWN[name]: (train.placed(), held_out.weighted(curve)),
    }
    reached = {}
    for said, pair in progress(frames.items(), name):
        ranker = get_ranker(name).fit(*pair, PARAMETERS[name], seed=seed, threads=1)
        reached[said] = ndcg_by_request(judged, ranker.predict(judged.frame)).astype(np.float64)
    return _compared(name, reached, seed)


def _compared(name: str, reached: Mapping[str, Doubles], seed: int) -> list[dict[str, Any]]:
    """A row a training: nDCG@10 of each request (R,) against that of the other trainings."""
    plain, truth = reached[CLICKS], reached[TRUTH]
    unit = np.arange(len(plain))
    rows = []
    for said, measured in reached.items():
        row = {"ranker": name, "learns_from": said, "ndcg@10": mean_interval(measured, unit, seed=seed).as_dict()}
        gain = None if said == CLICKS else paired_difference(measured, plain, unit, seed=seed).as_dict()
        closed = None if said in (CLICKS, TRUTH) else _gap_closed(measured, plain, truth, seed)
        rows.append(row | {"gain": gain, "gap_closed": closed})
    return rows


def _gap_closed(measured: Doubles, plain: Doubles, truth: Doubles, seed: int) -> dict[str, float | None]:
    """(measured − plain) / (truth − plain), of means over requests (R,)."""
    columns = np.stack([measured, plain, truth], axis=1)  # (R, 3)
    resampled = resampled_means(columns, np.arange(len(columns)), seed=seed)  # (D, 3)
    return intervals(_share(means(columns)[None])[0], _share(resampled))[0].as_dict()


def _share(values: Doubles) -> Doubles:
    """(D, 1) of means (D, 3) with columns measured, plain, truth; NaN where there is no gap."""
    measured, plain, truth = np.split(values, 3, axis=1)
    gap = truth - plain
    return np.divide(measured - plain, gap, out=np.full_like(gap, np.nan), where=gap != 0)
