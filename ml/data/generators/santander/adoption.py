"""From a need to an application to a product, and how products are dropped."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.data.arrays import Bools, Ints
from ml.data.generators.santander.catalogue import COUNT, INDEX, IS_CREDIT, MAXIMUM_AGE, MINIMUM_INCOME, by_product
from ml.data.generators.santander.finances import Finances
from ml.data.generators.santander.population import Population

NONE = -1
OUTCOMES = ("approved", "refused", "withdrawn")
PURSUED = by_product({"hip": 0.4, "pres": 0.5, "fond": 0.6, "valo": 0.6, "plan": 0.6}, 0.78)  # of the needs
WITHDRAWN = by_product({"hip": 0.25, "pres": 0.15, "tjcr": 0.05, "plan": 0.1, "fond": 0.05}, 0.01)
REFUSED_AT_LEAST = 0.05  # of applications for credit
REFUSED_BELOW_INCOME, REFUSED_IN_ARREARS, REFUSED_BY_USE = 0.8, 0.7, 0.35
# Products that come along when a product is added: P(second | first).
COMPANIONS = np.eye(COUNT)
for _first, _along in {
    "nomina": {"nom_pens": 0.97, "cno": 0.12, "recibo": 0.28},
    "cno": {"nomina": 0.4, "nom_pens": 0.4, "recibo": 0.1},
    "cco": {"recibo": 0.05, "tjcr": 0.03},
    "nom_pens": {"recibo": 0.22},
    "hip": {"recibo": 0.4},
    "pres": {"recibo": 0.3},
    "valo": {"fond": 0.08},
    "reca": {"recibo": 0.08},
}.items():
    COMPANIONS[INDEX[_first]] += by_product(_along)
# Share of the holders who drop a product in a month.
DROPPED = by_product(
    {"recibo": 0.065, "nom_pens": 0.075, "nomina": 0.075, "tjcr": 0.085, "reca": 0.045, "cno": 0.020, "deco": 0.16}
    | {"deme": 0.06, "dela": 0.02, "fond": 0.02, "valo": 0.01, "ecue": 0.006, "cder": 0.02, "pres": 0.02},
    default=0.003,
)
PENSIONS_GO_WITH_PAYROLL = 0.9


@dataclass(frozen=True)
class Pursuits:
    """What N customers set out to do in one month.

    Attributes:
        product: That they apply for, -1 for none, (N,).
        outcome: Row of `OUTCOMES`, (N,).
        added: Products that they then hold, (N, 24).
    """

    product: Ints
    outcome: Ints
    added: Bools


def refusal(population: Population, finances: Finances) -> NDArray[np.float64]:
    """P(refused | applies), (N, 24): credit only."""
    income = np.where(population.assessed, population.income, 0.0)
    chance = np.maximum(
        np.where(income[:, None] < MINIMUM_INCOME, REFUSED_BELOW_INCOME, REFUSED_AT_LEAST),
        np.where(finances.arrears > 0, REFUSED_IN_ARREARS, REFUSED_BY_USE * finances.utilisation)[:, None],
    )
    return np.asarray(chance * IS_CREDIT)


def approval(refused: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(added | applies), (N, 24)."""
    return np.asarray((1 - WITHDRAWN) * (1 - refused))


def pursue(random: np.random.Generator, need: Ints, held: Bools, refused: NDArray[np.float64]) -> Pursuits:
    """Act upon needs (N,; `COUNT` for none) while these products are held."""
    rows = np.arange(len(need))
    chance = random.random((3, len(need)))
    real = np.minimum(need, COUNT - 1)
    pursued = (need < COUNT) & (chance[0] < PURSUED[real])
    withdrawn = chance[1] < WITHDRAWN[real]
    outcome = np.where(withdrawn, 2, np.where(chance[2] < refused[rows, real], 1, 0))
    added = (random.random(held.shape) < COMPANIONS[real]) & ~held & (pursued & (outcome == 0))[:, None]
    return Pursuits(np.where(pursued, need, NONE), outcome, added)


def drop(random: np.random.Generator, held: Bools, age: Ints) -> Bools:
    """Which of the products held are given up, (N, 24); a junior account ends with its age."""
    dropped = held & (random.random(held.shape) < DROPPED)
    payroll, pensions, junior = INDEX["nomina"], INDEX["nom_pens"], INDEX["ctju"]
    with_payroll = dropped[:, payroll] & (random.random(len(held)) < PENSIONS_GO_WITH_PAYROLL)
    dropped[:, pensions] |= with_payroll & held[:, pensions]
    dropped[:, junior] |= held[:, junior] & (age > MAXIMUM_AGE[junior])
    return dropped
