"""What an evaluation found: metrics of every case, for each model and segment, kept as arrays."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.artifacts import read_json, write_json
from ml.data.arrays import Floats, Indices, Ints
from ml.errors import BadInput
from ml.evaluation.arrays import Doubles
from ml.evaluation.beyond_accuracy import CASE_NAMES, COVERAGE, GINI, coverage, gini
from ml.evaluation.metrics import ACCURACY_NAMES
from ml.evaluation.protocol import Kind
from ml.evaluation.significance import means

METRIC_NAMES = (*ACCURACY_NAMES, *CASE_NAMES)
COLUMN = {name: column for column, name in enumerate(METRIC_NAMES)}
_ARRAYS, _DESCRIPTION = "evaluation.npz", "evaluation.json"


@dataclass(frozen=True)
class Scores:
    """One model on the C cases of one segment."""

    metrics: Floats  # (C, M) columns as in METRIC_NAMES; NaN where a metric is not defined
    slate: Indices  # (C, 10) the items at the top of the ranking, -1 where there are fewer


@dataclass(frozen=True)
class Results:
    """All models on the C cases of one segment."""

    unit: Ints  # (C,) whom to resample
    moment: Ints  # (C,) microseconds since 1970 UTC
    labels: Ints  # (C,) how many items were taken
    models: Mapping[str, Scores]

    def __len__(self) -> int:
        return len(self.unit)

    def metric(self, model: str, name: str) -> Doubles:
        """(C,) one metric of one model, case by case."""
        return self.models[model].metrics[:, COLUMN[name]].astype(np.float64)


@dataclass(frozen=True)
class Evaluation:
    """Every model on every segment that has cases."""

    kinds: Mapping[str, Kind]  # of each model, in the order in which they were judged
    segments: Mapping[str, Results]
    catalogue: int  # items that could be recommended

    def value(self, model: str, name: str, segment: str = "all") -> float:
        """The mean of a metric over a segment's cases, or a metric of the whole segment."""
        results = self.segments[segment]
        if name in (COVERAGE, GINI):
            return {COVERAGE: coverage, GINI: gini}[name](results.models[model].slate, self.catalogue)
        return float(means(results.metric(model, name)[:, None])[0])

    def save(self, folder: Path) -> None:
        """Write the arrays and their description into a folder that the caller makes appear at once."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {}
        for s, results in enumerate(self.segments.values()):
            arrays |= {f"{s}.{name}": getattr(results, name) for name in ("unit", "moment", "labels")}
            for m, scores in enumerate(results.models.values()):
                arrays |= {f"{s}.{m}.metrics": scores.metrics, f"{s}.{m}.slate": scores.slate}
        np.savez_compressed(folder / _ARRAYS, allow_pickle=False, **arrays)
        described = {
            "kinds": dict(self.kinds), "segments": list(self.segments), "metrics": METRIC_NAMES,
            "catalogue": self.catalogue,
        }  # fmt: skip
        write_json(folder / _DESCRIPTION, described)

    @classmethod
    def load(cls, folder: Path) -> "Evaluation":
        """Read what `save` wrote; raises `BadInput` where it was written with other metrics."""
        described = read_json(folder / _DESCRIPTION)
        if tuple(described["metrics"]) != METRIC_NAMES:
            raise BadInput(f"{folder} holds other metrics than this version measures: run the evaluation again")
        segments = {}
        with np.load(folder / _ARRAYS, allow_pickle=False) as arrays:
            for s, segment in enumerate(described["segments"]):
                models = {
                    model: Scores(arrays[f"{s}.{m}.metrics"], arrays[f"{s}.{m}.slate"])
                    for m, model in enumerate(described["kinds"])
                }
                unit, moment, labels = (arrays[f"{s}.{name}"] for name in ("unit", "moment", "labels"))
                segments[segment] = Results(unit, moment, labels, models)
        return cls(described["kinds"], segments, described["catalogue"])

    @classmethod
    def joined(cls, evaluations: Iterable["Evaluation"]) -> "Evaluation":
        """The models of all, where each was judged apart on the same cases; raises `BadInput` where they differ."""
        first, *others = evaluations
        kinds, segments = dict(first.kinds), {name: dict(found.models) for name, found in first.segments.items()}
        for other in others:
            _refuse_other_cases(first, other)
            if twice := kinds.keys() & other.kinds.keys():
                raise BadInput(f"these models were judged twice: {', '.join(sorted(twice))}; leave one of each out")
            kinds |= other.kinds
            for name, found in other.segments.items():
                segments[name] |= found.models
        return cls(
            kinds,
            {name: Results(r.unit, r.moment, r.labels, segments[name]) for name, r in first.segments.items()},
            first.catalogue,
        )


def _refuse_other_cases(first: Evaluation, other: Evaluation) -> None:
    """Models can only be compared on the same cases in the same order."""
    same = first.segments.keys() == other.segments.keys() and first.catalogue == other.catalogue
    for name, results in first.segments.items():
        same = same and all(
            np.array_equal(getattr(results, array), getattr(other.segments[name], array))
            for array in ("unit", "moment", "labels")
        )
    if not same:
        models = ", ".join([*first.kinds, *other.kinds])
        raise BadInput(f"{models} were judged on different cases: evaluate them on the same data, windows and seed")
