"""What customers come to need in a month, given everything that can be observed of them.

A customer has at most one new need a month, for one product that they do not hold. With stage of life z and
observables x, the need is product k with probability

    P(k | z, x) = WANTS[z, k] · R_k(x) / (1 + Σ_j WANTS[z, j] · R_j(x)),

and the rate R_k(x) is what comes of the person, of products added lately that lead to others, of a product dropped
lately that returns, of a first account that is still missing, and of being contacted, times the season.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.data.arrays import Bools, Ints
from ml.data.generators.santander.catalogue import (
    COUNT,
    INDEX,
    LAUNCHED_AT,
    MAXIMUM_AGE,
    MINIMUM_AGE,
    RISK_LEVEL,
    by_product,
)
from ml.data.generators.santander.history import History
from ml.data.generators.santander.months import calendar_month, snapshot_day
from ml.data.generators.santander.population import IS_DIGITAL_CHANNEL, MEDIAN_INCOME, Population
from ml.data.generators.santander.stages import WANTS

Rates = NDArray[np.float64]  # (N, 24)

# Needs a month of an average customer who could have the product, in June; fitted to the facts' additions.
BASE = by_product(
    {"recibo": 0.0032, "nom_pens": 0.0046, "cco": 0.0020, "nomina": 0.0033, "tjcr": 0.0014, "reca": 0.0022}
    | {"cno": 0.0012, "ecue": 0.0007, "dela": 0.0010, "deco": 0.0006, "fond": 0.0005, "ctop": 0.0004, "ctma": 0.0006}
    | {"valo": 0.0003, "ctpp": 0.0004, "deme": 0.00007, "plan": 0.00004, "cder": 0.00002, "pres": 0.00002}
    | {"ctju": 0.0015, "hip": 0.00001, "viv": 0.00001, "ahor": 0.0006, "aval": 0.0002}
)
# Additions in a calendar month (January to December) against June's. The current account and taxes move most.
SEASONS = np.ones((12, COUNT))
SEASONS[:, INDEX["cco"]] = (0.6, 0.7, 0.8, 0.7, 0.8, 1.0, 1.3, 1.1, 1.5, 1.7, 1.3, 0.8)
SEASONS[:, INDEX["reca"]] = (1.8, 0.9, 0.6, 1.7, 0.7, 1.0, 1.6, 0.4, 0.7, 2.2, 1.2, 0.7)
SEASONS[:, INDEX["tjcr"]] = (0.8, 0.8, 0.9, 0.9, 1.0, 1.0, 1.1, 0.9, 1.0, 1.0, 1.4, 1.6)
SEASONS[:, INDEX["dela"]] = (1.5, 1.2, 1.0, 0.9, 0.9, 1.0, 0.8, 0.7, 0.9, 1.0, 1.0, 1.2)
SEASONS[:, INDEX["recibo"]] = (1.2, 1.0, 0.9, 0.9, 1.0, 1.0, 1.0, 0.9, 1.2, 1.2, 1.0, 0.9)
# Age at which a product is wanted most, and the spread around it, in years.
AGES = (
    {"ecue": (27.0, 11.0), "nomina": (34.0, 12.0), "cno": (33.0, 12.0), "nom_pens": (57.0, 21.0)}
    | {"recibo": (43.0, 17.0), "tjcr": (38.0, 14.0), "reca": (49.0, 15.0), "dela": (61.0, 15.0)}
    | {"deco": (60.0, 16.0), "deme": (60.0, 16.0), "fond": (54.0, 14.0), "valo": (49.0, 14.0)}
    | {"plan": (51.0, 9.0), "hip": (36.0, 8.0), "pres": (40.0, 12.0), "viv": (30.0, 8.0)}
)
AGE_CENTRE = by_product({name: centre for name, (centre, _) in AGES.items()}, 45.0)
AGE_SPREAD = by_product({name: spread for name, (_, spread) in AGES.items()}, 60.0)
# Powers of income relative to the median, and effect of coming by a digital channel.
INCOME_POWER = by_product(
    {"fond": 0.9, "valo": 0.9, "dela": 0.6, "reca": 0.6, "tjcr": 0.4, "ctpp": 0.6, "plan": 0.8, "cder": 1.0}
)
DIGITAL = by_product({"ecue": 2.2, "cco": 1.1, "ctop": 0.4, "tjcr": 1.2, "dela": 0.7, "deco": 0.7}, 1.0)
RISK_AVERSION = 0.7  # fall of a log rate for each level of risk above the customer's tolerance

# Additional rate of the second product in the month after the first was added.
LEADS = np.zeros((COUNT, COUNT))
for _first, _then in {
    "cco": {"nomina": 0.10, "recibo": 0.07, "tjcr": 0.06, "ecue": 0.008},
    "ctop": {"recibo": 0.08, "tjcr": 0.05, "reca": 0.05},
    "ecue": {"tjcr": 0.07, "dela": 0.04, "fond": 0.02},
    "cno": {"nomina": 0.20, "recibo": 0.06},
    "nomina": {"recibo": 0.11, "tjcr": 0.07},
    "nom_pens": {"recibo": 0.06, "reca": 0.02},
    "recibo": {"reca": 0.05, "tjcr": 0.03},
    "tjcr": {"recibo": 0.05, "ecue": 0.01},
    "reca": {"recibo": 0.06, "dela": 0.01},
    "dela": {"fond": 0.06, "valo": 0.03},
    "deco": {"dela": 0.12, "deme": 0.03},
    "fond": {"valo": 0.07, "plan": 0.02},
    "valo": {"fond": 0.06, "cder": 0.01},
    "hip": {"recibo": 0.20},
    "ctma": {"recibo": 0.10},
}.items():
    LEADS[INDEX[_first]] = by_product(_then)
# Additional rate of a product in the month after it was dropped.
RETURNS = by_product(
    {"recibo": 0.85, "nom_pens": 0.95, "nomina": 0.95, "tjcr": 0.6, "reca": 0.6, "cno": 0.25, "deco": 0.22}, 0.04
)
LEADS_FADE = np.array([1.0, 0.45, 0.2])  # after 0, 1, 2 months; nothing later
RETURNS_FADE = np.array([1.0, 0.4, 0.2, 0.1])
# Additional rate of an account for somebody who holds nothing, in the first months and later.
FIRST_ACCOUNT = by_product({"cco": 1.0, "ecue": 0.06, "ctop": 0.02, "ctma": 0.02, "cno": 0.03})
FIRST_ACCOUNT_NEW, FIRST_ACCOUNT_OLD, NEW_MONTHS = 0.42, 0.005, 6
CONTACT = 0.05  # additional rate of the product that one was contacted about


@dataclass(frozen=True)
class Observables:
    """What the rates of one month depend on.

    Attributes:
        history: Products at the snapshot.
        contacted: Product that the customer was contacted about in this month, -1 for none, (N,).
    """

    population: Population
    history: History
    contacted: Ints


def rates(seen: Observables, month: int) -> Rates:
    """R_k(x): rates of needs that arise in a month and are acted upon in the next, (N, 24)."""
    population, history = seen.population, seen.history
    age = population.age(month)
    wanted = _personal(population, age) + _led_to(history) + _returning(history) + _first_account(seen, month)
    wanted += CONTACT * (seen.contacted[:, None] == np.arange(COUNT))
    return np.asarray(SEASONS[calendar_month(month + 1)] * wanted * possible(population, history.held, month))


def possible(population: Population, held: Bools, month: int) -> Bools:
    """Which products a customer could add: not held, launched, within the bounds of age, (N, 24)."""
    age = population.age(month)[:, None]
    allowed = (age >= MINIMUM_AGE) & (age <= MAXIMUM_AGE) & (snapshot_day(month) >= LAUNCHED_AT)
    return np.asarray(allowed & ~held & population.present(month)[:, None])


def _personal(population: Population, age: Ints) -> Rates:
    years = (age[:, None] - AGE_CENTRE) / AGE_SPREAD
    relative_income = np.where(population.assessed, np.log(population.income / MEDIAN_INCOME), 0.0)
    beyond = np.maximum(RISK_LEVEL - np.where(population.assessed, population.risk_tolerance, 3)[:, None], 0)
    effect = INCOME_POWER * relative_income[:, None] - RISK_AVERSION * beyond - years**2 / 2
    digital = np.where(IS_DIGITAL_CHANNEL[population.channel][:, None], DIGITAL, 1.0)
    return np.asarray(BASE * digital * np.exp(effect))


def _led_to(history: History) -> Rates:
    return _faded(history.since_added, LEADS_FADE) @ LEADS


def _returning(history: History) -> Rates:
    return RETURNS * _faded(history.since_dropped, RETURNS_FADE)


def _faded(since: NDArray[np.int16], fade: NDArray[np.float64]) -> Rates:
    return np.append(fade, 0.0)[np.minimum(since, len(fade))]


def _first_account(seen: Observables, month: int) -> Rates:
    population = seen.population
    new = (population.joined > 0) & (month - population.joined < NEW_MONTHS)
    strength = np.where(new, FIRST_ACCOUNT_NEW, FIRST_ACCOUNT_OLD) * ~seen.history.held.any(axis=1)
    return np.asarray(strength[:, None] * FIRST_ACCOUNT)


def probabilities(rate: Rates) -> NDArray[np.float64]:
    """P(k | z, x) from the rates (N, 24) for every stage, (N, 5, 25): the last column is no need at all."""
    weights = rate[:, None, :] * WANTS  # (N, 5, 24)
    nothing = np.ones((*weights.shape[:2], 1))
    weights = np.concatenate([weights, nothing], axis=2)
    return np.asarray(weights / weights.sum(axis=2, keepdims=True))


def of_stage(rate: Rates, stage: Ints) -> NDArray[np.float64]:
    """Unnormalised P(k | z, x) for each customer's own stage (N,), (N, 25): the last column is no need at all."""
    return np.concatenate([rate * WANTS[stage], np.ones((len(rate), 1))], axis=1)
