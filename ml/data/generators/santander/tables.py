"""What the snapshots lack, as tables: the rows of one block and month."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml.data.generators.santander.adoption import OUTCOMES
from ml.data.generators.santander.branches import CONTACT_CHANNELS
from ml.data.generators.santander.catalogue import PRODUCTS
from ml.data.generators.santander.months import Days, moments, snapshot_day
from ml.data.generators.santander.population import Population
from ml.data.generators.santander.sessions import HOME, LINKS, PAGES
from ml.data.generators.santander.simulation import Month

RANKED = 7  # products a customer in the ceiling's rankings, as the metric looks at
FLAG_TEXT = np.array([product.flag for product in PRODUCTS], object)
MOMENT = pa.timestamp("us", tz="UTC")


def products() -> pa.Table:
    """The catalogue, keyed by the flags of the snapshots."""
    fields = ("category", "risk_level", "yield_rate", "duration_months", "terms", "fee", "margin")
    bounds = ("minimum_income", "minimum_age", "maximum_age")
    columns = {"product": FLAG_TEXT, "name": [product.title for product in PRODUCTS]}
    columns |= {name: [getattr(product, name) for product in PRODUCTS] for name in (*fields, *bounds)}
    table = pa.table(columns)
    launched = pa.array(np.array([product.launched_at for product in PRODUCTS], "datetime64[D]"))
    return table.append_column("launched_at", launched)


def finances(population: Population, month: Month) -> pa.Table:
    """One row for each customer with a snapshot; income and risk tolerance only of those the bank has assessed."""
    rows = np.flatnonzero(month.present)
    known, state = population.assessed, month.finances
    consents = {f"consent_{name}": population.consents[:, n] for n, name in enumerate(CONTACT_CHANNELS)}
    columns = {
        "income": np.where(known, population.income, np.nan),
        "credit_utilisation": state.utilisation,
        "loan_amount": state.loan_amount,
        "instalment": state.instalment,
        "arrears_months": state.arrears,
        "behaviour_score": state.behaviour_score.astype(np.int64),
        "digital_engagement": population.engagement,
        "risk_tolerance": np.where(known, population.risk_tolerance, np.nan),
        **consents,
        "vulnerable": population.vulnerable,
    }
    arrays = {name: pa.array(value[rows], from_pandas=True) for name, value in columns.items()}
    arrays["risk_tolerance"] = arrays["risk_tolerance"].cast(pa.int64())
    return pa.table({"customer": population.customer[rows], "month": _day(month, len(rows)), **arrays})


def site_sessions(population: Population, month: Month) -> pa.Table:
    """One row a page view, in the order of the path."""
    views = month.views
    customer = population.customer[views.customer]
    starts = np.append(True, views.session[1:] != views.session[:-1])[: len(views.session)]
    position = np.arange(len(starts)) - np.maximum.accumulate(np.where(starts, np.arange(len(starts)), 0))
    parts = [
        pa.array(each).cast(pa.string()) for each in (customer, np.full(len(customer), month.month), views.session)
    ]
    return pa.table(
        {
            "session_id": pc.binary_join_element_wise(*parts, "-"),
            "customer": customer,
            "started_at": _moments(views.started_at),
            "position": position,
            "page": pa.array(np.array([*PAGES, HOME], object)[views.page], pa.string()),
            "seconds": np.round(views.seconds, 3),
            "link": pa.array(np.array(LINKS, object)[views.link], pa.string()),
            "calculator": views.calculator,
        }
    )


def contacts(random: np.random.Generator, population: Population, month: Month) -> pa.Table:
    """One row a contact; all of them lie in the month."""
    rows = np.flatnonzero((month.contacted >= 0) & month.present)
    return pa.table(
        {
            "customer": population.customer[rows],
            "product": pa.array(FLAG_TEXT[month.contacted[rows]], pa.string()),
            "channel": pa.array(np.array(CONTACT_CHANNELS, object)[month.contact_channel[rows]], pa.string()),
            "at": _moments(moments(random, month.month, len(rows))),
        }
    )


def applications(random: np.random.Generator, population: Population, month: Month) -> pa.Table:
    """One row an application; the snapshot that ends the month shows what was approved."""
    rows = np.flatnonzero((month.applied.product >= 0) & month.present)
    return pa.table(
        {
            "customer": population.customer[rows],
            "product": pa.array(FLAG_TEXT[month.applied.product[rows]], pa.string()),
            "at": _moments(moments(random, month.month, len(rows))),
            "outcome": pa.array(np.array(OUTCOMES, object)[month.applied.outcome[rows]], pa.string()),
        }
    )


def branch_visits(random: np.random.Generator, population: Population, month: Month) -> pa.Table:
    """One row a visit."""
    customer = np.repeat(population.customer, month.branch_visits)
    return pa.table({"customer": customer, "at": _moments(moments(random, month.month, len(customer)))})


def ceiling(population: Population, month: Month) -> pa.Table:
    """The seven likeliest additions of the next month for each customer, with their probabilities, best first.

    `month` is the snapshot up to which everything was observed; the additions show in the one after it.
    """
    rows = np.flatnonzero(month.present)
    best = np.argsort(-month.chances[rows], axis=1, kind="stable")[:, :RANKED]
    chances = np.take_along_axis(month.chances[rows], best, axis=1).astype(np.float32)
    offsets = pa.array(np.arange(0, best.size + 1, RANKED, dtype=np.int32))
    return pa.table(
        {
            "customer": population.customer[rows],
            "month": _day(month, len(rows)),
            "products": pa.ListArray.from_arrays(offsets, pa.array(FLAG_TEXT[best.ravel()], pa.string())),
            "probabilities": pa.ListArray.from_arrays(offsets, pa.array(chances.ravel())),
        }
    )


def _day(month: Month, count: int) -> pa.Array:
    return pa.array(np.full(count, snapshot_day(month.month)))


def _moments(seconds: Days) -> pa.Array:
    return pa.array(seconds.astype("datetime64[us]")).cast(MOMENT)
