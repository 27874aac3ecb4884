"""The hidden stage of life: never written anywhere, it weighs on what customers want."""

import numpy as np
from numpy.typing import NDArray

from ml.data.arrays import Bools, Ints
from ml.data.generators.santander.catalogue import by_product
from ml.data.generators.santander.randomness import choose

STAGES = ("studying", "starting out", "raising a family", "established", "retired")
# P(stage | age group): minors, students, working adults, the old.
BY_AGE_GROUP = np.array(
    [
        [1.00, 0.00, 0.00, 0.00, 0.00],
        [0.60, 0.38, 0.02, 0.00, 0.00],
        [0.02, 0.23, 0.35, 0.34, 0.06],
        [0.00, 0.00, 0.02, 0.23, 0.75],
    ]
)
MOVES_ON = np.array([0.015, 0.01, 0.006, 0.006, 0.0])  # a month, to the next stage
TRANSITION = np.diag(1 - MOVES_ON) + np.diag(MOVES_ON[:-1], 1)  # (5, 5), rows sum to one
# How much more than others each stage wants a product, (5, 24).
WANTS = np.array(
    [
        by_product({"cco": 1.2, "ecue": 2.5, "nomina": 0.3, "cno": 0.3, "nom_pens": 0.4, "recibo": 0.4}, 0.6),
        by_product({"nomina": 2.6, "cno": 2.4, "tjcr": 1.8, "viv": 3.0, "nom_pens": 0.7, "recibo": 0.9}, 0.7),
        by_product({"recibo": 2.4, "hip": 3.0, "pres": 2.5, "ctju": 3.0, "tjcr": 1.2, "nomina": 0.8}, 0.7),
        by_product({"dela": 2.5, "fond": 2.5, "valo": 2.2, "plan": 3.0, "reca": 2.4, "cder": 2.0}, 0.7),
        by_product({"nom_pens": 2.8, "dela": 2.0, "deco": 2.5, "deme": 2.5, "nomina": 0.1, "cno": 0.2}, 0.7),
    ]
)


def draw_stages(random: np.random.Generator, age_group: Ints) -> Ints:
    """A stage for each customer, (N,)."""
    return choose(random, BY_AGE_GROUP[age_group])


def move_on(random: np.random.Generator, stage: Ints, present: Bools) -> Ints:
    """The stages of the next month; nobody moves on who is not a customer."""
    moved = random.random(len(stage)) < MOVES_ON[stage]
    return np.where(present & moved, stage + 1, stage)


def believed_to_move_on(belief: NDArray[np.float64], present: Bools) -> NDArray[np.float64]:
    """The belief about the stages (N, 5) a month later."""
    return np.where(present[:, None], belief @ TRANSITION, belief)
