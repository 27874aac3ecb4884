"""Contacts by the bank, and visits to its branches (which tell that there is a need, by its kind)."""

import numpy as np
from numpy.typing import NDArray

from ml.data.arrays import Bools, Ints
from ml.data.generators.santander.catalogue import by_product
from ml.data.generators.santander.population import Population
from ml.data.generators.santander.randomness import choose

CONTACT_CHANNELS = ("email", "phone", "post", "app")
CONTACTED = 0.05  # of the customers in a month
OFFERED = by_product(
    {"tjcr": 4.0, "nomina": 3.0, "recibo": 2.0, "fond": 1.5, "pres": 0.2, "plan": 0.2, "dela": 1.5, "cno": 1.0}
)
VISITS = 0.12  # a month, times one minus the digital engagement
EXTRA_VISITS = by_product({"hip": 6.0, "plan": 3.0, "pres": 3.0, "nom_pens": 2.0, "dela": 2.0, "fond": 2.0}, 0.8)


def contact(random: np.random.Generator, population: Population, wanted: Bools) -> tuple[Ints, Ints]:
    """The product that each customer is contacted about, -1 for none, and the channel, both (N,).

    Only by a channel that they agreed to, and about a product that they could add (N, 24).
    """
    weights: NDArray[np.float64] = OFFERED * wanted
    chosen = random.random(len(population)) < CONTACTED
    chosen &= population.consents.any(axis=1) & (weights.sum(axis=1) > 0)
    product = choose(random, weights + 1e-12)
    channel = choose(random, population.consents.astype(np.float64) + 1e-12)
    return np.where(chosen, product, -1), channel


def expected_visits(engagement: NDArray[np.float64], present: Bools) -> NDArray[np.float64]:
    """Mean number of branch visits a month of customers without a need, (N,)."""
    return np.asarray(VISITS * (1 - engagement) * present)


def come(random: np.random.Generator, need: Ints, expected: NDArray[np.float64]) -> Ints:
    """Number of visits of customers with these needs (N,; `COUNT` for none)."""
    extra = np.append(EXTRA_VISITS, 0.0)[need]
    return np.asarray(random.poisson(expected * (1 + extra)))


def log_likelihood(visits: Ints, expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log of P(visits | need k) / P(visits | no need), (N, 24)."""
    return np.asarray(visits[:, None] * np.log1p(EXTRA_VISITS) - expected[:, None] * EXTRA_VISITS)
