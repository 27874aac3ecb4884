"""What the bank knows of its customers' finances, month by month; independent of their hidden stage of life."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.data.arrays import Bools, Ints
from ml.data.generators.santander.catalogue import INDEX
from ml.data.generators.santander.population import Population

FALLS_BEHIND, CATCHES_UP = 0.004, 0.35  # a month
LOANS_MONTHS, MORTGAGES_MONTHS = 48, 300


@dataclass
class Finances:
    """Finances of N customers in one month.

    Attributes:
        loan_amount: Owed on loans and mortgages, euros, (N,).
        instalment: Paid on them a month, euros, (N,).
        utilisation: Share of the card's limit that is used, 0 to 1; 0 without a card, (N,).
        arrears: Months behind with payments, (N,).
        behaviour_score: 300 to 850, (N,).
    """

    loan_amount: NDArray[np.float64]
    instalment: NDArray[np.float64]
    utilisation: NDArray[np.float64]
    arrears: Ints
    behaviour_score: NDArray[np.float64]
    _tendency: NDArray[np.float64]  # of using a card's limit, kept from month to month
    _loan: NDArray[np.float64]  # amount that a customer borrows, once
    _mortgage: NDArray[np.float64]

    @classmethod
    def at_start(cls, random: np.random.Generator, population: Population) -> "Finances":
        """Before the first month."""
        size = len(population)
        zeros = np.zeros(size)
        amount = population.income * np.exp(0.4 * random.standard_normal((2, size)))
        return cls(
            zeros,
            zeros,
            zeros,
            (random.random(size) < 0.01).astype(np.int64),
            zeros,
            random.beta(1.6, 3.2, size),
            np.round(0.12 * amount[0]),
            np.round(1.4 * amount[1]),
        )

    def advance(self, random: np.random.Generator, held: Bools) -> None:
        """Move on to a month in which these products are held (N, 24)."""
        size = len(held)
        loan, mortgage, card = (held[:, INDEX[name]] for name in ("pres", "hip", "tjcr"))
        self.loan_amount = loan * self._loan + mortgage * self._mortgage
        self.instalment = np.round(
            1.15 * loan * self._loan / LOANS_MONTHS + 1.3 * mortgage * self._mortgage / MORTGAGES_MONTHS, 2
        )
        self._tendency = np.clip(self._tendency + random.normal(0, 0.03, size), 0.0, 1.0)
        self.utilisation = np.round(card * self._tendency, 3)
        chance = random.random(size)
        behind = np.where(self.arrears > 0, chance >= CATCHES_UP, chance < FALLS_BEHIND)
        self.arrears = np.where(behind, self.arrears + 1, 0)
        score = 760 - 180 * self.utilisation - 60 * np.minimum(self.arrears, 4) + random.normal(0, 25, size)
        self.behaviour_score = np.clip(np.round(score), 300, 850)
