"""LambdaMART (Burges 2010) as XGBoost's `rank:ndcg`, with both of its ways to treat position bias."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from ml.artifacts import read_json, write_json
from ml.data.arrays import Floats, Ints
from ml.domains.frozen import Frozen
from ml.ranking.contract import DESCRIPTION, LabelledFrame, dcg, ndcg
from ml.ranking.forest import Forest
from ml.ranking.frame import Frame
from ml.searched import Searched

if TYPE_CHECKING:
    import xgboost

METRIC = "ndcg@10"  # a name that XGBoost takes for higher is better


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
    bias_norm: float = Field(
        1.0, ge=0, description="Lp norm that damps XGBoost's own propensities; only where positions are given."
    )


@dataclass(frozen=True)
class LambdaMart:
    """A fitted ranker; `predict` gives a score a candidate, comparable within a request."""

    name: ClassVar[str] = "lambdamart"
    Parameters: ClassVar[type[Frozen]] = LambdaMartParameters
    neural: ClassVar[bool] = False

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
    ) -> Self:
        """Grow trees on `train` until nDCG@10 on `validation` stops rising.

        Where `train` has positions, XGBoost estimates propensities of clicked and unclicked places beside the trees
        (Hu, Wang, Peng and Li, "Unbiased LambdaMART", WWW 2019); where it has weights, labels count that much.

        Raises:
            ValueError: where the positions of a request are not 0, 1, 2, …
        """
        import xgboost

        features = train.frame.names
        unbiased = train.position is not None
        data = _matrix(_by_position(train) if unbiased else train, features, parameters.pairs)
        held_out = _matrix(validation, features, parameters.pairs, ref=data)
        curves: dict[str, dict[str, list[float]]] = {}
        own, metric = _metric(validation)
        booster = xgboost.train(
            _native(parameters, seed, threads) | own | _treatment(parameters, unbiased), data, parameters.rounds,
            evals=[(held_out, "validation")], early_stopping_rounds=parameters.patience, evals_result=curves,
            custom_metric=metric, verbose_eval=False,
        )  # fmt: skip
        best = booster[: booster.best_iteration + 1]
        curve = curves["validation"][METRIC]
        if validation.weight is None:
            curve = _of_asked(curve, validation)
        return cls(best, features, parameters, {"validation_ndcg@10": curve})

    def predict(self, frame: Frame) -> Floats:
        """(N,) scores, higher is better."""
        if not len(frame.values):
            return np.zeros(0, np.float32)
        values = np.ascontiguousarray(frame.select(self.features))
        if self.forest is not None:
            return self.forest.predict(values)
        scores: Floats = self.booster.inplace_predict(values, validate_features=False).astype(np.float32)
        return scores

    @cached_property
    def forest(self) -> Forest | None:
        """The trees as flat arrays; None where they are too deep for that."""
        return Forest.of(self.booster)

    def importance(self) -> dict[str, float]:
        """Total gain of each feature, most important first."""
        gains = self.booster.get_score(importance_type="total_gain")
        return dict(sorted(((name, float(gain)) for name, gain in gains.items()), key=lambda pair: -pair[1]))

    def save(self, folder: Path) -> None:
        """Write the trees in XGBoost's own binary JSON, and the rest as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        self.booster.save_model(folder / "trees.ubj")
        parameters = self.parameters.model_dump()
        described = {"features": self.features, "parameters": parameters, "curves": self.curves}
        write_json(folder / DESCRIPTION, {"ranker": self.name, **described})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        import xgboost

        described = read_json(folder / DESCRIPTION)
        booster = xgboost.Booster(model_file=folder / "trees.ubj")
        parameters = LambdaMartParameters.model_validate(described["parameters"])
        return cls(booster, tuple(described["features"]), parameters, described["curves"])


def _matrix(
    labelled: LabelledFrame, features: tuple[str, ...], pairs: int, ref: "xgboost.QuantileDMatrix | None" = None
) -> "xgboost.QuantileDMatrix":
    """The rows as XGBoost reads them.

    Its ranking objectives take a weight a request, not a row. So inverse propensities go into the labels, and each
    request weighs as much as its ideal DCG, which the objective divides by: what is left is Σ weight · DCG.
    """
    import xgboost

    offsets, gain = labelled.frame.offsets, labelled.gain
    weight = None if labelled.weight is None else dcg(gain, gain, offsets, pairs)[np.diff(offsets) > 0]
    groups = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    return xgboost.QuantileDMatrix(
        labelled.frame.select(features), gain, qid=groups, weight=weight, feature_names=list(features), ref=ref
    )


def _by_position(labelled: LabelledFrame) -> LabelledFrame:
    """The same rows with each request in the order in which it was shown: XGBoost takes a row's place for its position."""
    offsets = labelled.frame.offsets
    position = np.zeros(0) if labelled.position is None else labelled.position
    groups = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    order: Ints = np.lexsort((position, groups))
    if not np.array_equal(position[order], np.arange(len(groups)) - offsets[groups]):
        raise ValueError(
            "XGBoost's unbiased LambdaMART needs all places of a request: positions 0, 1, 2, … without gaps"
        )
    frame = Frame(labelled.frame.names, labelled.frame.values[order], offsets)
    return LabelledFrame(frame, labelled.label[order])


def _native(parameters: LambdaMartParameters, seed: int, threads: int) -> dict[str, Any]:
    return {
        "objective": "rank:ndcg", "tree_method": "hist", "seed": seed, "nthread": threads,
        "ndcg_exp_gain": False, "lambdarank_pair_method": "topk", "lambdarank_num_pair_per_sample": parameters.pairs,
        "eta": parameters.learning_rate, "max_depth": parameters.maximum_depth, "lambda": parameters.regularisation,
        "min_child_weight": parameters.minimum_child_weight, "subsample": parameters.subsample,
        "colsample_bytree": parameters.column_sample,
    }  # fmt: skip


def _metric(validation: LabelledFrame) -> tuple[dict[str, Any], Callable[..., tuple[str, float]] | None]:
    """What stops the growth: XGBoost's nDCG, the quicker one, or ours where labels have weights, which it refuses."""
    if validation.weight is None:
        return {"eval_metric": METRIC}, None
    return {"disable_default_eval_metric": True}, lambda scores, _: (METRIC, ndcg(validation, scores))


def _of_asked(curve: list[float], validation: LabelledFrame) -> list[float]:
    """XGBoost's nDCG without the requests that have no label, each of which it counts as 1."""
    offsets, label = validation.frame.offsets, validation.label
    ideal = dcg(label, label, offsets)[np.diff(offsets) > 0]
    empty = float((ideal == 0).mean()) if len(ideal) else 1.0
    return [(value - empty) / (1 - empty) if empty < 1 else float("nan") for value in curve]


def _treatment(parameters: LambdaMartParameters, unbiased: bool) -> dict[str, Any]:
    """XGBoost's own treatment; with its normalisation a request the first trees get worse before they get better."""
    treated = {
        "lambdarank_unbiased": True, "lambdarank_bias_norm": parameters.bias_norm, "lambdarank_normalization": False,
    }  # fmt: skip
    return treated if unbiased else {}
