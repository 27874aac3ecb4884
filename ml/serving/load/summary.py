"""What offered load says of a server."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ml.data.arrays import Bools, Reals
from ml.serving.load.connections import LOST
from ml.serving.load.generator import GIVEN_UP, Offered
from ml.serving.load.traffic import Told

OK, SHED = 200, 503
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
SERVER_ERROR = 500


def summarise(offered: Offered, slates: Bools, seconds: float) -> dict[str, Any]:
    """Rates, latencies and statuses of one run.

    Args:
        offered: Of N requests.
        slates: (N,) which of them asked for slates; latency and stages are theirs.
        seconds: For how long requests came.

    Returns:
        `requests`, `slates`, `rate` (offered a second), `slates_per_second` (answered), `latency_ms` and `lag_ms` by
        quantile, `statuses`, `shed`, `failed` (neither answered nor shed), `given_up`, `degraded` (share of slates),
        `versions` (how many slates each version of the model answered) and `stages_ms`: by stage, by quantile.
    """
    served = slates & (offered.status == OK)
    told = [offered.kept[row] for row in np.flatnonzero(served)]
    told = [each for each in told if isinstance(each, Told)]
    statuses = Counter(offered.status.tolist())
    span = max(seconds, float(np.nanmax(offered.done[served]))) if served.any() else seconds
    return {
        "requests": len(slates), "slates": int(slates.sum()), "rate": len(slates) / seconds,
        "slates_per_second": float(served.sum() / span), "latency_ms": quantiles(offered.latency[served]),
        "lag_ms": quantiles(offered.lag), "statuses": {_named(status): count for status, count in sorted(statuses.items())},
        "shed": statuses[SHED], "failed": _failed(statuses), "given_up": statuses[GIVEN_UP],
        "degraded": float(np.mean([each.degraded for each in told])) if told else 0.0,
        "versions": dict(sorted(Counter(each.version for each in told).items())),
        "stages_ms": _stages([each.timings for each in told]),
    }  # fmt: skip


def quantiles(values: Reals) -> dict[str, float | None]:
    """By name of the quantile; None where there are no values. NaN: left out."""
    known = values[~np.isnan(values)]
    if not len(known):
        return dict.fromkeys(QUANTILES)
    return dict(zip(QUANTILES, np.quantile(known, list(QUANTILES.values())).tolist(), strict=True))


def _failed(statuses: Mapping[int, int]) -> int:
    fine = {OK, SHED, GIVEN_UP}
    return sum(count for status, count in statuses.items() if status not in fine and not 200 <= status < 300)


def _named(status: int) -> str:
    return {LOST: "lost", GIVEN_UP: "given up"}.get(status, str(status))


def _stages(timings: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float | None]]:
    stages = list(dict.fromkeys(stage for told in timings for stage in told))
    return {stage: quantiles(np.array([told[stage] for told in timings if stage in told])) for stage in stages}
