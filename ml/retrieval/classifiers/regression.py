"""The coefficients of one logistic regression an item, and of one for all items together.

Shapes: F shared and P own columns, standardised; a row of weights is the intercept, then those of both.
"""

from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Bools, Floats
from ml.retrieval.classifiers.inputs import Inputs
from ml.retrieval.classifiers.rows import TrainingRows, learnable
from ml.retrieval.classifiers.schema import Schema
from ml.retrieval.classifiers.standard import Standard

POOLED = -1  # the row of the regression for all items


@dataclass(frozen=True)
class Columns:
    """How inputs become columns."""

    shared: Standard
    own: Standard

    @classmethod
    def of(cls, inputs: Inputs, schema: Schema) -> "Columns":
        """As the inputs of the training rows vary."""
        texts = {f"fact {name}": len(known) for name, known in schema.categories.items()}
        return cls(Standard.of(inputs.shared, inputs.names, texts), Standard.of(inputs.pairs(), inputs.own_names, {}))

    @property
    def width(self) -> int:
        """1 + F + P."""
        return 1 + self.shared.width + self.own.width

    def apply(self, inputs: Inputs) -> tuple[Floats, Floats]:
        """(R, F) and (R, items, P)."""
        shape = *inputs.own.shape[:2], self.own.width
        return self.shared.apply(inputs.shared), self.own.apply(inputs.pairs()).reshape(shape)


def fit_weights(
    rows: TrainingRows, inputs: Inputs, schema: Schema, columns: Columns, *, least: int, penalty: float, iterations: int
) -> Floats:
    """(items + 1, 1 + F + P) coefficients, 0 for what a model may not read; an item without a model has the pooled ones.

    The pooled regression is the last row: it reads the own columns alone.

    Args:
        rows: The training rows; something was taken in them.
        inputs: What they read.
        schema: What each item's model may read.
        columns: How inputs become columns.
        least: Takes of an item below which it has no model of its own.
        penalty: L2, on the coefficients.
        iterations: Most steps of L-BFGS.
    """
    shared, own = columns.apply(inputs)
    own_at = np.arange(1 + columns.shared.width, columns.width)
    weights = np.zeros((own.shape[1] + 1, columns.width), np.float32)
    weights[:, np.r_[0, own_at]] = _solved(own[rows.open], rows.taken[rows.open], penalty, iterations)
    for item in np.flatnonzero(learnable(rows, least)).tolist():
        some = rows.open[:, item]
        readable = columns.shared.columns(schema.readable(item, inputs.names))
        values = np.concatenate([shared[some][:, readable], own[some, item]], axis=1)
        weights[item] = 0
        weights[item, np.r_[0, 1 + readable, own_at]] = _solved(values, rows.taken[some, item], penalty, iterations)
    return weights


def log_odds(weights: Floats, shared: Floats, own: Floats) -> Floats:
    """(R, items) log odds of (R, F) shared and (R, items, P) own columns."""
    each, split = weights[:POOLED], 1 + shared.shape[1]
    found: Floats = each[:, 0] + shared @ each[:, 1:split].T + np.einsum("rip,ip->ri", own, each[:, split:])
    return found


def _solved(values: Floats, taken: Bools, penalty: float, iterations: int) -> Floats:
    """(1 + columns,) the intercept and the coefficients."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1 / penalty, max_iter=iterations).fit(values, taken)
    found: Floats = np.r_[fitted.intercept_, fitted.coef_[0]].astype(np.float32)
    return found
