"""LambdaMART (Burges 2010) as XGBoost's `rank:ndcg`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from ml.artifacts import read_json, write_json
from ml.data.arrays import Floats, Ints
from ml.domains.domain import Frozen
from ml.ranking.frame import Frame
from ml.searched import Searched

if TYPE_CHECKING:
    import xgboost


class LambdaMartParameters(Frozen):
    """How the trees are grown."""

    rounds: int = Field(300, ge=1, description="Most trees; stopping on validation usually ends earlier.")
    patience: int = Field(20, ge=1, description="Rounds without a better validation nDCG@10 before it stops.")
    learning_rate: Annotated[float, Searched(0.03, 0.3, log=True)] = Field(0.12, gt=0, le=1)
    maximum_depth: Annotated[int, Searched(4, 10)] = Field(7, ge=1, le=16)
    minimum_child_weight: Annotated[float, Searched(1, 100, log=True)] = Field(
        5.0, ge=0, description="Least sum of hessians in a leaf."
    )
    subsample: Annotated[float, Searched(0.5, 1)] = Field(0.8, gt=0, le=1, description="Share of rows a tree sees.")
    column_sample: Annotated[float, Searched(0.3, 1)] = Field(
        0.6, gt=0, le=1, description="Share of features a tree sees."
    )
    regularisation: Annotated[float, Searched(0.1, 30, log=True)] = Field(
        2.0, ge=0, description="L2 penalty on leaf values."
    )
    pairs: Annotated[int, Searched(8, 64, log=True)] = Field(
        16, ge=1, description="Top positions from which each pair has one member."
    )


@dataclass(frozen=True)
class LabelledFrame:
    """A frame with what was taken: 1 for a candidate that is a label, else 0."""

    frame: Frame
    label: Floats  # (N,)


@dataclass(frozen=True)
class LambdaMart:
    """A fitted ranker; `predict` gives a score a candidate, comparable within a request."""

    booster: "xgboost.Booster"
    features: tuple[str, ...]
    parameters: LambdaMartParameters
    curves: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        train: LabelledFrame,
        validation: LabelledFrame,
        parameters: LambdaMartParameters,
        *,
        seed: int,
        threads: int,
    ) -> "LambdaMart":
        """Grow trees on `train` until nDCG@10 on `validation` stops rising."""
        import xgboost

        features = train.frame.names
        data = xgboost.QuantileDMatrix(
            train.frame.values, train.label, qid=_groups(train.frame.offsets), feature_names=list(features)
        )
        held_out = xgboost.QuantileDMatrix(
            validation.frame.select(features), validation.label, qid=_groups(validation.frame.offsets),
            feature_names=list(features), ref=data,
        )  # fmt: skip
        curves: dict[str, dict[str, list[float]]] = {}
        booster = xgboost.train(
            _native(parameters, seed, threads), data, parameters.rounds, evals=[(held_out, "validation")],
            early_stopping_rounds=parameters.patience, evals_result=curves, verbose_eval=False,
        )  # fmt: skip
        best = booster[: booster.best_iteration + 1]
        return cls(best, features, parameters, {"validation_ndcg@10": curves["validation"]["ndcg@10"]})

    def predict(self, frame: Frame) -> Floats:
        """(N,) scores, higher is better."""
        if not len(frame.values):
            return np.zeros(0, np.float32)
        values = np.ascontiguousarray(frame.select(self.features))
        scores: Floats = self.booster.inplace_predict(values, validate_features=False).astype(np.float32)
        return scores

    def importance(self) -> dict[str, float]:
        """Total gain of each feature, most important first."""
        gains = self.booster.get_score(importance_type="total_gain")
        return dict(sorted(((name, float(gain)) for name, gain in gains.items()), key=lambda pair: -pair[1]))

    def save(self, folder: Path) -> None:
        """Write the trees in XGBoost's own binary JSON, and the rest as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        self.booster.save_model(folder / "trees.ubj")
        described = {"features": self.features, "parameters": self.parameters.model_dump(), "curves": self.curves}
        write_json(folder / "ranker.json", described)

    @classmethod
    def load(cls, folder: Path) -> "LambdaMart":
        """Read what `save` wrote."""
        import xgboost

        described = read_json(folder / "ranker.json")
        booster = xgboost.Booster(model_file=folder / "trees.ubj")
        parameters = LambdaMartParameters.model_validate(described["parameters"])
        return cls(booster, tuple(described["features"]), parameters, described["curves"])


def _groups(offsets: Ints) -> Ints:
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def _native(parameters: LambdaMartParameters, seed: int, threads: int) -> dict[str, object]:
    return {
        "objective": "rank:ndcg", "eval_metric": "ndcg@10", "tree_method": "hist", "seed": seed, "nthread": threads,
        "ndcg_exp_gain": False, "lambdarank_pair_method": "topk", "lambdarank_num_pair_per_sample": parameters.pairs,
        "eta": parameters.learning_rate, "max_depth": parameters.maximum_depth, "lambda": parameters.regularisation,
        "min_child_weight": parameters.minimum_child_weight, "subsample": parameters.subsample,
        "colsample_bytree": parameters.column_sample,
    }  # fmt: skip
