"""The bank's site: noisy signs of a need, with a known likelihood.

A customer with digital engagement e starts Poisson(SESSIONS · e · (1 + EXTRA · [has a need])) sessions a month. Each
begins at the home page. Every later view is of the needed product's page with probability DIRECTED, read for long,
often with the calculator and towards `apply`; otherwise it is of any page, by its popularity (the pages of products
that one holds are visited more), and read briefly.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.data.arrays import Bools, Ints
from ml.data.generators.santander.catalogue import COUNT, NAMES, by_product
from ml.data.generators.santander.months import Days, moments

SESSIONS, EXTRA = 0.7, 1.6
MORE_VIEWS = 2.6  # mean number of views after the home page
DIRECTED = 0.27
OTHER_PAGES = ("overview", "transfers", "search", "help", "offers")
PAGES = (*(f"/products/{name}" for name in NAMES), *(f"/{page}" for page in OTHER_PAGES))
HOME = "/home"
PRODUCT_POPULARITY = by_product(
    {"cco": 2.0, "tjcr": 2.6, "pres": 1.6, "hip": 1.5, "dela": 1.6, "fond": 1.5, "recibo": 1.6, "nomina": 1.4}
    | {"nom_pens": 1.2, "reca": 1.4, "ecue": 1.3, "cno": 1.3, "valo": 1.4},
    default=0.7,
)
OTHER_POPULARITY = np.array([4.0, 3.0, 1.0, 1.0, 1.5])
IF_HELD = 2.0  # times the popularity
SECONDS, SECONDS_IN_NEED, SECONDS_SPREAD = np.log(22.0), np.log(125.0), 0.65
CALCULATOR, CALCULATOR_IN_NEED = 0.03, 0.40
LINKS = ("details", "compare", "apply", "back")
LINK = np.array([0.45, 0.15, 0.04, 0.36])
LINK_IN_NEED = np.array([0.30, 0.22, 0.36, 0.12])


@dataclass(frozen=True)
class Views:
    """V page views of one month, in the order of sessions and within them; V counts the views of home pages too.

    Attributes:
        session: Number within the month, (V,).
        customer: Row, (V,).
        page: Of `PAGES`, -1 for the home page, (V,).
        seconds: (V,).
        link: Of `LINKS`, (V,).
        calculator: Whether the page's calculator was used, (V,).
        started_at: Of the session, (V,).
    """

    session: Ints
    customer: Ints
    page: Ints
    seconds: NDArray[np.float64]
    link: Ints
    calculator: Bools
    started_at: Days


def popularity(held: Bools) -> NDArray[np.float64]:
    """P(page | not directed by a need), (N, 29)."""
    weights = np.concatenate(
        [PRODUCT_POPULARITY * np.where(held, IF_HELD, 1.0), np.broadcast_to(OTHER_POPULARITY, (len(held), 5))], axis=1
    )
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def expected_sessions(engagement: NDArray[np.float64], present: Bools) -> NDArray[np.float64]:
    """Mean number of sessions a month of customers without a need, (N,)."""
    return np.asarray(SESSIONS * engagement * present)


def visit(random: np.random.Generator, month: int, need: Ints, held: Bools, expected: NDArray[np.float64]) -> Views:
    """A month of sessions of customers with these needs (N,; `COUNT` for none)."""
    count = random.poisson(expected * np.where(need < COUNT, 1 + EXTRA, 1.0))
    owner = np.repeat(np.arange(len(need)), count)
    started = moments(random, month, len(owner))
    length = 1 + random.poisson(MORE_VIEWS, len(owner))
    session = np.repeat(np.arange(len(owner)), length)
    first = np.append(True, session[1:] != session[:-1])[: len(session)]
    customer = owner[session]
    wanted = need[customer]
    directed = ~first & (wanted < COUNT) & (random.random(len(session)) < DIRECTED)
    page = np.where(directed, wanted, _any_page(random, customer, popularity(held)))
    return Views(
        session,
        customer,
        np.where(first, -1, page),
        *_reading(random, directed, first),
        started[session],
    )


def _any_page(random: np.random.Generator, customer: Ints, popular: NDArray[np.float64]) -> Ints:
    cumulative = np.cumsum(popular, axis=1)[customer]
    below = (cumulative <= random.random(len(customer))[:, None]).sum(axis=1)
    return np.asarray(np.minimum(below, len(PAGES) - 1))


def _reading(random: np.random.Generator, directed: Bools, first: Bools) -> tuple[NDArray[np.float64], Ints, Bools]:
    """Seconds, link and calculator of each view."""
    size = len(directed)
    log_seconds = np.where(directed, SECONDS_IN_NEED, SECONDS) + SECONDS_SPREAD * random.standard_normal(size)
    point = random.random(size)[:, None]
    cumulative = np.where(directed[:, None], np.cumsum(LINK_IN_NEED), np.cumsum(LINK))
    link = np.minimum((cumulative <= point).sum(axis=1), len(LINKS) - 1)
    calculator = ~first & (random.random(size) < np.where(directed, CALCULATOR_IN_NEED, CALCULATOR))
    return np.exp(log_seconds), link, calculator


def log_likelihood(views: Views, held: Bools, expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log of P(views | need k) / P(views | no need), (N, 24)."""
    inner = views.page >= 0
    of_product = inner & (views.page < COUNT)
    customer, page = views.customer[of_product], views.page[of_product]
    sign = _sign(views, of_product) / popularity(held)[customer, page]
    result = np.zeros((len(held), COUNT))
    np.add.at(result, (customer, page), np.log1p(DIRECTED / (1 - DIRECTED) * sign))
    sessions = np.bincount(views.customer[~inner], minlength=len(held))
    others = np.bincount(views.customer[inner], minlength=len(held))
    everywhere = sessions * np.log1p(EXTRA) - expected * EXTRA + others * np.log1p(-DIRECTED)
    return np.asarray(result + everywhere[:, None])


def _sign(views: Views, rows: Bools) -> NDArray[np.float64]:
    """P(how a page was read | directed) / P(how | not directed)."""
    log_seconds = np.log(views.seconds[rows])
    distance = (log_seconds - SECONDS) ** 2 - (log_seconds - SECONDS_IN_NEED) ** 2
    used = np.where(
        views.calculator[rows], CALCULATOR_IN_NEED / CALCULATOR, (1 - CALCULATOR_IN_NEED) / (1 - CALCULATOR)
    )
    return np.asarray(np.exp(distance / (2 * SECONDS_SPREAD**2)) * (LINK_IN_NEED / LINK)[views.link[rows]] * used)
