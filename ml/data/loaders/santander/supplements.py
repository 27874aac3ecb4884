"""What may lie beside the snapshots, each file optional: the catalogue, finances, and what customers and bank did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from ml.data.loaders.santander.columns import PAGES, PRODUCTS
from ml.data.sql import literals

WHOLE_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
OUTCOMES = MappingProxyType({"approved": "approve", "refused": "refuse", "withdrawn": "withdraw"})


class Type(Enum):
    """What a column of a Parquet file holds; the value is what a message calls it."""

    TEXT = "text"
    WHOLE = "a whole number"
    NUMBER = "a number"
    YES_NO = "true or false"
    DAY = "a date"
    MOMENT = "a timestamp"

    def holds(self, kind: str) -> bool:
        """Whether a column of this DuckDB type is one."""
        number = kind in ("FLOAT", "DOUBLE") or kind.startswith("DECIMAL")
        return {
            Type.TEXT: kind == "VARCHAR",
            Type.WHOLE: kind in WHOLE_NUMBERS,
            Type.NUMBER: kind in WHOLE_NUMBERS or number,
            Type.YES_NO: kind == "BOOLEAN",
            Type.DAY: kind == "DATE",
            Type.MOMENT: kind.startswith("TIMESTAMP"),
        }[self]


@dataclass(frozen=True)
class Supplement:
    """One kind of file.

    Attributes:
        columns: All of its columns; those of `needed` are never null.
        time: The column by which its rows belong to a month, if they do.
        unknown: By column, SQL that is true of a value that nothing is known of.
    """

    name: str
    columns: Mapping[str, Type]
    needed: tuple[str, ...]
    time: str | None = None
    unknown: Mapping[str, str] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """Its name in the folder."""
        return f"{self.name}.parquet"


_PRODUCT = {"product": f"product NOT IN {literals(PRODUCTS)}"}
CATALOGUE = Supplement(
    "products",
    {"product": Type.TEXT, "name": Type.TEXT, "category": Type.TEXT, "risk_level": Type.WHOLE}
    | {"yield_rate": Type.NUMBER, "duration_months": Type.WHOLE, "terms": Type.TEXT, "fee": Type.NUMBER}
    | {"margin": Type.NUMBER, "minimum_income": Type.NUMBER, "minimum_age": Type.WHOLE, "maximum_age": Type.WHOLE}
    | {"launched_at": Type.DAY},
    needed=("product", "name", "category"),
    unknown=_PRODUCT,
)
FINANCES = Supplement(
    "finances",
    {"customer": Type.WHOLE, "month": Type.DAY, "income": Type.NUMBER, "credit_utilisation": Type.NUMBER}
    | {"loan_amount": Type.NUMBER, "instalment": Type.NUMBER, "arrears_months": Type.WHOLE}
    | {"behaviour_score": Type.NUMBER, "digital_engagement": Type.NUMBER, "risk_tolerance": Type.WHOLE}
    | {f"consent_{channel}": Type.YES_NO for channel in ("email", "phone", "post", "app")}
    | {"vulnerable": Type.YES_NO},
    needed=("customer", "month"),
    time="month",
)
SITE_SESSIONS = Supplement(
    "site_sessions",
    {"session_id": Type.TEXT, "customer": Type.WHOLE, "started_at": Type.MOMENT, "position": Type.WHOLE}
    | {"page": Type.TEXT, "seconds": Type.NUMBER, "link": Type.TEXT, "calculator": Type.YES_NO},
    needed=("session_id", "customer", "started_at", "position", "page"),
    time="started_at",
    unknown={"page": f"starts_with(page, '/products/') AND page NOT IN {literals(PAGES)}"},
)
CONTACTS = Supplement(
    "contacts",
    {"customer": Type.WHOLE, "product": Type.TEXT, "channel": Type.TEXT, "at": Type.MOMENT},
    needed=("customer", "product", "at"),
    time="at",
    unknown=_PRODUCT,
)
APPLICATIONS = Supplement(
    "applications",
    {"customer": Type.WHOLE, "product": Type.TEXT, "at": Type.MOMENT, "outcome": Type.TEXT},
    needed=("customer", "product", "at"),
    time="at",
    unknown={**_PRODUCT, "outcome": f"outcome NOT IN {literals(OUTCOMES)}"},
)
BRANCH_VISITS = Supplement(
    "branch_visits", {"customer": Type.WHOLE, "at": Type.MOMENT}, needed=("customer", "at"), time="at"
)
SUPPLEMENTS = (CATALOGUE, FINANCES, SITE_SESSIONS, CONTACTS, APPLICATIONS, BRANCH_VISITS)
BEHAVIOUR = (SITE_SESSIONS, CONTACTS, APPLICATIONS)
