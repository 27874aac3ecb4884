"""What lies beside a few customers' snapshots: Parquet files with a handful of rows."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from small_snapshots import CARD, CURRENT

from ml.data.loaders.santander.columns import PRODUCTS

MOMENT = pa.timestamp("us", tz="UTC")
PRODUCT = pa.schema(
    {
        "product": pa.string(), "name": pa.string(), "category": pa.string(), "risk_level": pa.int64(),
        "yield_rate": pa.float64(), "duration_months": pa.int64(), "terms": pa.string(), "fee": pa.int64(),
        "margin": pa.float64(), "minimum_income": pa.int64(), "minimum_age": pa.int64(), "maximum_age": pa.int64(),
        "launched_at": pa.date32(),
    }
)  # fmt: skip
FINANCES = pa.schema(
    {
        "customer": pa.int64(), "month": pa.date32(), "income": pa.float64(), "credit_utilisation": pa.float64(),
        "loan_amount": pa.float64(), "instalment": pa.float64(), "arrears_months": pa.int64(),
        "behaviour_score": pa.int64(), "digital_engagement": pa.float64(), "risk_tolerance": pa.int64(),
        "consent_email": pa.bool_(), "consent_phone": pa.bool_(), "consent_post": pa.bool_(), "consent_app": pa.bool_(),
        "vulnerable": pa.bool_(),
    }
)  # fmt: skip
VIEWS = pa.schema(
    {
        "session_id": pa.string(), "customer": pa.int64(), "started_at": MOMENT, "position": pa.int64(),
        "page": pa.string(), "seconds": pa.float64(), "link": pa.string(), "calculator": pa.bool_(),
    }
)  # fmt: skip
CONTACTS = pa.schema({"customer": pa.int64(), "product": pa.string(), "channel": pa.string(), "at": MOMENT})
APPLICATIONS = pa.schema({"customer": pa.int64(), "product": pa.string(), "at": MOMENT, "outcome": pa.string()})
VISITS = pa.schema({"customer": pa.int64(), "at": MOMENT})
SCHEMAS = {
    "products": PRODUCT, "finances": FINANCES, "site_sessions": VIEWS, "contacts": CONTACTS,
    "applications": APPLICATIONS, "branch_visits": VISITS,
}  # fmt: skip
Row = Mapping[str, Any]


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def product(flag: str, **other: Any) -> Row:
    """A product of the catalogue."""
    given = {"product": flag, "name": f"the {flag}", "category": "account", "risk_level": 1, "yield_rate": 0.002}
    given |= {"duration_months": 0, "terms": "no notice", "fee": 36, "margin": 0.004, "minimum_income": 0}
    return given | {"minimum_age": 18, "maximum_age": 120, "launched_at": date(2005, 1, 1), **other}


def products(**of_card: Any) -> list[Row]:
    """The catalogue; some of the credit card's columns may be others."""
    return [product(flag, **(of_card if flag == CARD else {})) for flag in PRODUCTS]


def finances(customer: int, day: str, **other: Any) -> Row:
    """A customer's finances in one month."""
    given = {"customer": customer, "month": date.fromisoformat(day), "income": 31_000.5, "credit_utilisation": 0.25}
    given |= {"loan_amount": 0.0, "instalment": 0.0, "arrears_months": 0, "behaviour_score": 700}
    given |= {"digital_engagement": 0.5, "risk_tolerance": 3, "consent_email": True, "consent_phone": False}
    return given | {"consent_post": False, "consent_app": True, "vulnerable": False, **other}


def view(customer: int, started: str, position: int = 0, page: str = "/products/cco", **other: Any) -> Row:
    """A page view; sessions are named after their customer and start."""
    given = {"session_id": f"{customer}@{started}", "customer": customer, "started_at": at(started)}
    given |= {"position": position, "page": page, "seconds": 10.0, "link": "back", "calculator": False}
    return given | other


def contact(customer: int, moment: str, flag: str = CURRENT, channel: str = "email") -> Row:
    """A contact by the bank."""
    return {"customer": customer, "product": flag, "channel": channel, "at": at(moment)}


def application(customer: int, moment: str, outcome: str = "approved", flag: str = CARD) -> Row:
    """An application."""
    return {"customer": customer, "product": flag, "at": at(moment), "outcome": outcome}


def visit(customer: int, moment: str) -> Row:
    """A visit to a branch."""
    return {"customer": customer, "at": at(moment)}


def write_beside(folder: Path, **tables: Sequence[Row]) -> None:
    """Write each of these as the Parquet file of its name."""
    for name, rows in tables.items():
        pq.write_table(pa.Table.from_pylist(list(rows), SCHEMAS[name]), folder / f"{name}.parquet")
