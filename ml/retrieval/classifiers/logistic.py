"""One logistic regression an item on the inputs of the classifiers: the linear baseline."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from pydantic import Field

from ml.artifacts import read_json, write_json
from ml.data.arrays import Bools, Floats
from ml.data.requests import Requests
from ml.domains.frozen import Frozen
from ml.retrieval.classifiers.inputs import Inputs, read
from ml.retrieval.classifiers.parameters import RowsParameters
from ml.retrieval.classifiers.rows import TrainingRows, learnable, training_rows
from ml.retrieval.classifiers.schema import Schema
from ml.retrieval.classifiers.standard import Standard
from ml.retrieval.classifiers.takes import Takes
from ml.retrieval.contract import State, TrainingData

PARAMETERS, COEFFICIENTS = "parameters.json", "coefficients.npz"
POOLED = -1  # where the model of all items together stands, after those of the items


class LogisticParameters(RowsParameters):
    """How the regressions are fitted."""

    regularisation: float = Field(1.0, gt=0, description="L2 penalty on the coefficients of standardised inputs.")
    iterations: int = Field(300, ge=1, description="Most steps of L-BFGS.")


@dataclass(frozen=True)
class Logistic:
    """Score: P(the user takes the item in the next cadence), its log odds linear in the standardised inputs.

    An item that was hardly taken yet is scored by one regression for all items, on what is said of the item alone.
    """

    name: ClassVar[str] = "logistic"
    Parameters: ClassVar[type[Frozen]] = LogisticParameters

    parameters: LogisticParameters
    schema: Schema
    takes: Takes
    shared: Standard
    own: Standard
    weights: Floats  # (items + 1, 1 + F + P) intercept first; the last row is of all items; NaN: no model

    @classmethod
    def fit(cls, data: TrainingData, parameters: LogisticParameters) -> Self:
        """Learn from every cadence before t1.

        Raises:
            BadInput: The catalogue is too large for a model an item.
        """
        schema, takes = Schema.of(data.dataset, parameters), Takes.of(data.dataset.log)
        rows = training_rows(data.dataset, data.as_of, parameters.quiet_share, data.seed)
        inputs = read(rows.requests, schema, takes)
        texts = {f"fact {name}": len(known) for name, known in schema.categories.items()}
        shared, own = Standard.of(inputs.shared, inputs.names, texts), Standard.of(inputs.pairs(), inputs.own_names, {})
        weights = np.full((len(schema.items) + 1, 1 + shared.width + own.width), np.nan, np.float32)
        model = cls(parameters, schema, takes, shared, own, weights)
        if rows.taken.any():
            model._regress(rows, inputs)
        return model

    @property
    def inputs(self) -> tuple[str, ...]:
        """Those of all items together."""
        return self.schema.inputs()

    def inputs_of(self, item: int) -> tuple[str, ...]:
        """Those of one item: a guarded one is scored without protected facts."""
        return self.schema.inputs(item)

    def refresh(self, state: State) -> Self:
        """The same coefficients; takes are counted as of the state's instant."""
        return replace(self, takes=Takes.of(state.dataset.log))

    def score(self, requests: Requests) -> Floats:
        """(R, items) probabilities; `-inf` where nothing was taken in training."""
        shape = len(requests), len(self.schema.items)
        if np.isnan(self.weights[POOLED]).all():
            return np.full(shape, -np.inf, np.float32)
        inputs = read(requests, self.schema, self.takes)
        shared, own = self.shared.apply(inputs.shared), self.own.apply(inputs.pairs()).reshape(*shape, self.own.width)
        known = ~np.isnan(self.weights[:POOLED, :1])
        weights = np.where(known, self.weights[:POOLED], self.weights[POOLED])
        split = 1 + self.shared.width
        odds = weights[:, 0] + shared @ weights[:, 1:split].T + np.einsum("rip,ip->ri", own, weights[:, split:])
        odds += np.log(self.parameters.quiet_share)  # quiet rows were drawn at this share
        found: Floats = (1 / (1 + np.exp(-odds))).astype(np.float32)
        return found

    def _regress(self, rows: TrainingRows, inputs: Inputs) -> None:
        """Fill the weights in."""
        shared = self.shared.apply(inputs.shared)
        own = self.own.apply(inputs.pairs()).reshape(*rows.taken.shape, self.own.width)
        split = 1 + self.shared.width
        pooled = np.r_[0, np.arange(split, self.weights.shape[1])]
        self.weights[POOLED] = 0
        self.weights[POOLED, pooled] = self._solve(own[rows.open], rows.taken[rows.open])
        for item in np.flatnonzero(learnable(rows, self.parameters.minimum_takes)).tolist():
            some = rows.open[:, item]
            columns = self.shared.columns(self.schema.readable(item, inputs.names))
            values = np.concatenate([shared[some][:, columns], own[some, item]], axis=1)
            at = np.r_[0, 1 + columns, np.arange(split, self.weights.shape[1])]
            self.weights[item] = 0
            self.weights[item, at] = self._solve(values, rows.taken[some, item])

    def _solve(self, values: Floats, taken: Bools) -> Floats:
        """(1 + F,) the intercept and the coefficients."""
        from sklearn.linear_model import LogisticRegression

        fitted = LogisticRegression(C=1 / self.parameters.regularisation, max_iter=self.parameters.iterations)
        fitted.fit(values, taken)
        return np.r_[fitted.intercept_, fitted.coef_[0]].astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write coefficients as .npz and the rest as JSON and .npy."""
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / PARAMETERS, self.parameters.model_dump(mode="json"))
        self.schema.save(folder)
        self.takes.save(folder)
        arrays = {"weights": self.weights, **self.shared.arrays("shared"), **self.own.arrays("own")}
        np.savez(folder / COEFFICIENTS, **arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        parameters = LogisticParameters.model_validate(read_json(folder / PARAMETERS))
        with np.load(folder / COEFFICIENTS, allow_pickle=False) as arrays:
            standards = [Standard.from_arrays(arrays, prefix) for prefix in ("shared", "own")]
            return cls(parameters, Schema.load(folder), Takes.load(folder), *standards, arrays["weights"])
