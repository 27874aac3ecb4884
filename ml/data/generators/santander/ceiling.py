"""The ceiling: the probability that a customer adds a product next month, given all that can be observed.

The hidden parts are the stage of life z and the month's need k. Both are summed out exactly, by the forward
algorithm: the belief b(z) is P(z | everything observed before the month). Within a month,

    P(z, k | observed) ∝ b(z) · P(k | z, x) · P(sessions, branch visits | k),
    P(adds p | observed) = Σ_k P(k | observed) · P(pursued | k) · P(approved | k, finances) · P(p comes along | k),

and once the next month shows who applied for what, the belief takes that in and moves on with the stages.
"""

import numpy as np
from numpy.typing import NDArray

from ml.data.arrays import Bools, Ints
from ml.data.generators.santander.adoption import COMPANIONS, NONE, PURSUED
from ml.data.generators.santander.catalogue import COUNT
from ml.data.generators.santander.stages import BY_AGE_GROUP, believed_to_move_on

Belief = NDArray[np.float64]  # (N, 5)
Joint = NDArray[np.float64]  # (N, 5, 25)


def first_belief(age_group: Ints) -> Belief:
    """Before anything is observed but the age."""
    return BY_AGE_GROUP[age_group]


def joint(belief: Belief, need: Joint, log_likelihood: NDArray[np.float64]) -> Joint:
    """P(z, k | observed) of P(k | z, x) and of the signs' log likelihood ratios to no need, (N, 24)."""
    signs = np.concatenate([log_likelihood, np.zeros((len(belief), 1))], axis=1)
    signs -= signs.max(axis=1, keepdims=True)
    weights = belief[:, :, None] * need * np.exp(signs)[:, None, :]
    return np.asarray(weights / weights.sum(axis=(1, 2), keepdims=True))


def additions(together: Joint, approved: NDArray[np.float64], held: Bools) -> NDArray[np.float64]:
    """P(adds p | observed), (N, 24); nothing that is held."""
    applies = together.sum(axis=1)[:, :COUNT] * PURSUED
    return np.asarray((applies * approved) @ COMPANIONS * ~held)


def learn(together: Joint, pursued: Ints, present: Bools) -> Belief:
    """The next month's belief, once it shows which product was applied for (N,; -1 for none)."""
    rows = np.arange(len(pursued))
    quiet = (together * np.append(1 - PURSUED, 1.0)).sum(axis=2)
    acted = together[rows, :, np.maximum(pursued, 0)]
    belief = np.where((pursued == NONE)[:, None], quiet, acted)
    return believed_to_move_on(belief / belief.sum(axis=1, keepdims=True), present)
