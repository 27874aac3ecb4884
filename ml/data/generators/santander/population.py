"""Who the customers are: what does not change while they are observed, and what they hold when first seen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.data.arrays import Bools, Ints
from ml.data.generators.santander.catalogue import COUNT, MAXIMUM_AGE, MINIMUM_AGE, by_product
from ml.data.generators.santander.months import Days, snapshot_day
from ml.data.generators.santander.randomness import BLOCK, choose

SHARE_AT_START = 0.66  # 13.6 million rows over 17 months and 957,000 customers
LEAVES_A_MONTH = 0.0015
JOINING = np.array([0.7, 0.7, 0.8, 0.8, 0.8, 0.8, 1.0, 1.4, 1.5, 1.6, 1.4, 1.1, 0.9, 0.9, 0.9, 0.9])  # months 1 to 16
NOTHING_YET = 0.45  # of those who join, in their first snapshot
HOLD_NOTHING = 0.17  # of the others
# Minors, students, working adults, the old: share, mean age, spread.
AGE_GROUPS = ((0.012, 11.0, 4.0), (0.33, 23.0, 2.4), (0.548, 44.0, 11.0), (0.11, 72.0, 8.0))
MEDIAN_INCOME, INCOME_SPREAD = 101_850.0, 0.6  # `renta`, euros a year, log-normal
INCOME_BY_AGE = (0.9, 0.82, 1.06, 1.0)
CHANNELS = ("KHE", "KAT", "KFC", "KHQ", "KFA", "KHK", "KHM", "RED")
IS_DIGITAL_CHANNEL = np.array([1, 0, 0, 1, 0, 0, 1, 0], bool)
CHANNEL_BY_AGE = np.array(
    [
        [0.05, 0.40, 0.30, 0.02, 0.15, 0.03, 0.01, 0.04],
        [0.70, 0.06, 0.04, 0.12, 0.02, 0.02, 0.03, 0.01],
        [0.10, 0.40, 0.30, 0.04, 0.08, 0.03, 0.02, 0.03],
        [0.02, 0.45, 0.30, 0.01, 0.15, 0.02, 0.00, 0.05],
    ]
)
ENGAGEMENT = ((2.0, 3.0), (4.0, 3.0), (2.5, 3.5), (1.2, 5.0))  # beta distributions of digital engagement by age group
# How many products are held by those who hold any, and which: weights fitted to the facts' shares.
HELD = np.array([0.60, 0.13, 0.085, 0.06, 0.05, 0.04, 0.035])  # one to seven
WEIGHT_ALONE = by_product(
    {"cco": 36.0, "ctop": 58.0, "ecue": 2.0, "reca": 3.0, "plan": 2.8, "valo": 2.4, "dela": 2.4, "tjcr": 1.8}
    | {"ctpp": 1.8, "fond": 1.4, "viv": 0.7, "cno": 0.4, "hip": 0.7, "recibo": 0.1, "nom_pens": 0.05, "deco": 0.1}
    | {"pres": 0.1, "deme": 0.05, "nomina": 0.05, "cder": 0.02}
)
WEIGHT_TOGETHER = by_product(
    {"cco": 55.0, "ctop": 32.0, "recibo": 9.5, "ecue": 6.5, "dela": 8.0, "valo": 5.5, "reca": 4.8, "tjcr": 3.0}
    | {"fond": 3.8, "ctpp": 3.2, "cno": 1.5, "nomina": 0.4, "nom_pens": 0.6, "plan": 0.9, "hip": 0.6, "viv": 0.4}
    | {"deco": 0.2, "deme": 0.15, "pres": 0.25, "cder": 0.05}
)
WEIGHT_OF_MANY = WEIGHT_TOGETHER * by_product(
    {"recibo": 4.0, "nomina": 14.0, "nom_pens": 14.0, "cno": 8.0, "tjcr": 4.0, "reca": 2.5}, default=1.0
)
STUDENTS_TILT = by_product(
    {"ctop": 0.02, "ctpp": 0.1, "dela": 0.1, "fond": 0.1, "plan": 0.05, "hip": 0.0, "valo": 0.2, "ecue": 1.5},
    default=0.6,
) * by_product({"cco": 1.0 / 0.6}, default=1.0)


@dataclass(frozen=True)
class Population:
    """N customers of one block.

    Attributes:
        customer: `ncodpers`, (N,).
        joined, left: First month with a snapshot, and the first without one again, (N,).
        since: Day on which they became customers, (N,).
        age_at_start: Years at month 0, (N,).
        age_group: Row of `AGE_GROUPS`, (N,).
        income: Euros a year, (N,).
        income_known: Whether the snapshots show it, (N,).
        assessed: Whether the bank has looked at their finances, (N,).
        engagement: How much they use the site, 0 to 1, (N,).
        risk_tolerance: 1 to 5, (N,).
        channel: Row of `CHANNELS`, by which they came, (N,).
        consents: To be contacted by e-mail, telephone, post and in the app, (N, 4).
        vulnerable: Marked as in need of care, (N,).
        held_at_first: Products in the first snapshot, (N, 24).
    """

    customer: Ints
    joined: Ints
    left: Ints
    since: Days
    age_at_start: NDArray[np.float64]
    age_group: Ints
    income: NDArray[np.float64]
    income_known: Bools
    assessed: Bools
    engagement: NDArray[np.float64]
    risk_tolerance: Ints
    channel: Ints
    consents: Bools
    vulnerable: Bools
    held_at_first: Bools

    def age(self, month: int) -> Ints:
        """Whole years at the snapshot of a month, (N,)."""
        return np.floor(self.age_at_start + month / 12).astype(np.int64)

    def present(self, month: int) -> Bools:
        """Who has a snapshot in this month, (N,)."""
        return (self.joined <= month) & (month < self.left)

    def __len__(self) -> int:
        return len(self.customer)


def draw_population(random: np.random.Generator, block: int, size: int) -> Population:
    """The customers of one block; their numbers rise with the block."""
    group = random.choice(len(AGE_GROUPS), size, p=[share for share, _, _ in AGE_GROUPS])
    age = _ages(random, group)
    joined = _joined(random, size)
    income = MEDIAN_INCOME * np.array(INCOME_BY_AGE)[group] * np.exp(INCOME_SPREAD * random.standard_normal(size))
    beta = np.array(ENGAGEMENT)[group]
    return Population(
        customer=15_889 + 2 * (block * BLOCK + np.arange(size)) + random.integers(0, 2, size),
        joined=joined,
        left=joined + random.geometric(LEAVES_A_MONTH, size),
        since=_since(random, joined, group),
        age_at_start=age,
        age_group=group,
        income=np.maximum(np.round(income, 2), 1_200.0),
        income_known=random.random(size) >= 0.2,
        assessed=random.random(size) >= 0.01,
        engagement=np.round(random.beta(beta[:, 0], beta[:, 1]), 3),
        risk_tolerance=np.clip(np.round(random.normal(np.array([1, 3, 2.7, 1.8])[group], 1.1)), 1, 5).astype(np.int64),
        channel=choose(random, CHANNEL_BY_AGE[group]),
        consents=random.random((size, 4)) < np.array([0.62, 0.45, 0.70, 0.40]),
        vulnerable=random.random(size) < np.array([0.0, 0.01, 0.02, 0.09])[group],
        held_at_first=_held_at_first(random, joined, group, age),
    )


def _ages(random: np.random.Generator, group: Ints) -> NDArray[np.float64]:
    _, mean, spread = np.array(AGE_GROUPS)[group].T
    lowest, highest = np.array([2.0, 18.0, 24.0, 60.0])[group], np.array([17.9, 30.0, 75.0, 105.0])[group]
    return np.asarray(np.clip(mean + spread * random.standard_normal(len(group)), lowest, highest))


def _joined(random: np.random.Generator, size: int) -> Ints:
    """The month of the first snapshot, by the calendar of the whole file: a shorter one lacks those who come later."""
    later = 1 + random.choice(len(JOINING), size, p=JOINING / JOINING.sum())
    return np.where(random.random(size) < SHARE_AT_START, 0, later)


def _since(random: np.random.Generator, joined: Ints, group: Ints) -> Days:
    """Those who were there at the start came up to twenty years before; the others in the month of joining."""
    years = np.minimum(random.gamma(2.0, np.array([2.0, 1.2, 4.0, 6.0])[group]), 20.0)
    before = snapshot_day(0) - (years * 365.25).astype(np.int64) - 30
    first = np.array([snapshot_day(month) for month in range(joined.max(initial=0) + 1)])[joined]
    return np.where(joined == 0, before, first - random.integers(0, 28, len(joined)))


def _held_at_first(random: np.random.Generator, joined: Ints, group: Ints, age: NDArray[np.float64]) -> Bools:
    size = len(joined)
    count = 1 + random.choice(len(HELD), size, p=HELD / HELD.sum())
    student = group == 1
    count = np.where(student & (random.random(size) < 0.75), 1, count)
    count = np.where((joined > 0) & (random.random(size) < 0.7), 1, count)
    weights = np.select([count[:, None] == 1, count[:, None] <= 3], [WEIGHT_ALONE, WEIGHT_TOGETHER], WEIGHT_OF_MANY)
    weights = np.where(student[:, None], weights * STUDENTS_TILT, weights)
    weights = weights * ((age[:, None] >= MINIMUM_AGE) & (age[:, None] <= MAXIMUM_AGE))
    weights[age < 18] = by_product({"ctju": 1.0})
    # The largest of log weight + Gumbel noise is a draw in proportion to weight; the n largest are n without return.
    with np.errstate(divide="ignore"):
        keys = np.log(weights) + random.gumbel(size=(size, COUNT))
    rank = np.argsort(np.argsort(-keys, axis=1, kind="stable"), axis=1, kind="stable")
    held = (rank < count[:, None]) & (weights > 0)
    nothing = random.random(size) < np.where(joined > 0, NOTHING_YET, HOLD_NOTHING)
    return np.asarray(held & ~nothing[:, None])
