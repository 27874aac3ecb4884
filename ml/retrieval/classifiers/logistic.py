"""One logistic regression an item on the inputs of the classifiers: the linear baseline."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from pydantic import Field

from ml.artifacts import read_json, write_json
from ml.data.arrays import Floats
from ml.data.requests import Requests
from ml.domains.frozen import Frozen
from ml.retrieval.classifiers.inputs import read
from ml.retrieval.classifiers.parameters import RowsParameters
from ml.retrieval.classifiers.regression import Columns, fit_weights, log_odds
from ml.retrieval.classifiers.rows import training_rows
from ml.retrieval.classifiers.schema import Schema
from ml.retrieval.classifiers.standard import Standard
from ml.retrieval.classifiers.takes import Takes
from ml.retrieval.contract import State, TrainingData

PARAMETERS, COEFFICIENTS = "parameters.json", "coefficients.npz"


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
    columns: Columns
    weights: Floats  # (items + 1, 1 + F + P) see `fit_weights`; no rows where nothing was taken in training

    @classmethod
    def fit(cls, data: TrainingData, parameters: LogisticParameters) -> Self:
        """Learn from every cadence before t1.

        Raises:
            BadInput: The catalogue is too large for a model an item.
        """
        schema, takes = Schema.of(data.dataset, parameters), Takes.of(data.dataset.log)
        rows = training_rows(data.dataset, data.as_of, parameters.quiet_share, data.seed)
        inputs = read(rows.requests, schema, takes)
        columns = Columns.of(inputs, schema)
        weights = np.zeros((0, columns.width), np.float32)
        if rows.taken.any():
            weights = fit_weights(
                rows, inputs, schema, columns, least=parameters.minimum_takes,
                penalty=parameters.regularisation, iterations=parameters.iterations,
            )  # fmt: skip
        return cls(parameters, schema, takes, columns, weights)

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
        if not len(self.weights):
            return np.full((len(requests), len(self.schema.items)), -np.inf, np.float32)
        odds = log_odds(self.weights, *self.columns.apply(read(requests, self.schema, self.takes)))
        odds = odds + np.log(self.parameters.quiet_share)  # quiet rows were drawn at this share
        found: Floats = (1 / (1 + np.exp(-odds))).astype(np.float32)
        return found

    def save(self, folder: Path) -> None:
        """Write coefficients as .npz and the rest as JSON and .npy."""
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / PARAMETERS, self.parameters.model_dump(mode="json"))
        self.schema.save(folder)
        self.takes.save(folder)
        arrays = {**self.columns.shared.arrays("shared"), **self.columns.own.arrays("own")}
        np.savez(folder / COEFFICIENTS, allow_pickle=False, weights=self.weights, **arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        parameters = LogisticParameters.model_validate(read_json(folder / PARAMETERS))
        with np.load(folder / COEFFICIENTS, allow_pickle=False) as arrays:
            columns = Columns(Standard.from_arrays(arrays, "shared"), Standard.from_arrays(arrays, "own"))
            return cls(parameters, Schema.load(folder), Takes.load(folder), columns, arrays["weights"])
