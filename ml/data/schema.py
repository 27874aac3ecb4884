"""The landing tables: the one place where their columns and types are written."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

VARCHAR, DOUBLE, TIMESTAMP, BOOLEAN = "VARCHAR", "DOUBLE", "TIMESTAMP", "BOOLEAN"
INTEGER, NAMES = "INTEGER", "VARCHAR[]"


@dataclass(frozen=True)
class LandingTable:
    """One table of the landing zone.

    Attributes:
        columns: DuckDB type of each column, in landed order; timestamps are UTC without a zone.
        order: Columns that a partition is sorted by.
        time: The column that says when a row happened, if the table has one.
        versioned: Whether a slice that lands anew with other content is a further version of it, valid from then
            on (a catalogue), or else a correction, which supersedes what landed before (an export of events).
    """

    name: str
    columns: Mapping[str, str]
    order: tuple[str, ...]
    time: str | None = None
    versioned: bool = False


INTERACTIONS = LandingTable(
    "interactions",
    MappingProxyType(
        {
            "event_id": VARCHAR,
            "user_id": VARCHAR,  # null: anonymous
            "session_id": VARCHAR,
            "item_id": VARCHAR,
            "event_type": VARCHAR,
            "occurred_at": TIMESTAMP,
            "value": DOUBLE,  # money paid
            "quantity": DOUBLE,  # units
            "seconds": DOUBLE,  # spent on it
            "discount": DOUBLE,  # money taken off the price
            "place_id": VARCHAR,
            "device": VARCHAR,
            "channel": VARCHAR,
            "slate_id": VARCHAR,  # the slate that led to the event
        }
    ),
    order=("occurred_at", "event_id"),
    time="occurred_at",
)

ITEMS = LandingTable(
    "items",
    MappingProxyType(
        {
            "item_id": VARCHAR,
            "name": VARCHAR,
            "department": VARCHAR,
            "category": VARCHAR,
            "subcategory": VARCHAR,
            "brand": VARCHAR,
            "manufacturer": VARCHAR,
            "package_size": VARCHAR,
            "description": VARCHAR,
            "price": DOUBLE,
            "margin": DOUBLE,
            "stock": DOUBLE,  # units
            "launched_at": TIMESTAMP,
            "attributes": VARCHAR,  # a JSON object of further facts, without those that are not known
        }
    ),
    order=("item_id",),
    versioned=True,
)

USERS = LandingTable(
    "users",
    MappingProxyType(
        {
            "user_id": VARCHAR,
            "attributes": VARCHAR,  # a JSON object without the attributes that are not known
            "consent": BOOLEAN,
        }
    ),
    order=("user_id",),
    versioned=True,
)

PLACEMENTS = LandingTable(
    "placements",
    MappingProxyType(
        {
            "item_id": VARCHAR,
            "place_id": VARCHAR,
            "valid_from": TIMESTAMP,
            "valid_to": TIMESTAMP,  # exclusive
            "on_display": BOOLEAN,
            "in_mailer": BOOLEAN,
        }
    ),
    order=("valid_from", "place_id", "item_id"),
)

USER_STATES = LandingTable(
    "user_states",
    MappingProxyType(
        {
            "user_id": VARCHAR,
            "valid_from": TIMESTAMP,  # until the user's next row
            "attributes": VARCHAR,  # as in users, all that hold from then on; null: no longer among the users
        }
    ),
    order=("valid_from", "user_id"),
)

IMPRESSIONS = LandingTable(
    "impressions",
    MappingProxyType(
        {
            "slate_id": VARCHAR,
            "user_id": VARCHAR,  # null: anonymous
            "session_id": VARCHAR,
            "item_id": VARCHAR,
            "position": INTEGER,  # from 1
            "score": DOUBLE,  # the ranker's; null: it was no candidate of the ranker
            "sources": NAMES,  # the retrievers that found it
            "propensity": DOUBLE,  # P(this item at this place | request), after all rules
            "explored": BOOLEAN,  # drawn by chance
            "rules": NAMES,  # that took a candidate of the slate, as `id@version`
            "model_version": INTEGER,
            "placement": VARCHAR,
            "device": VARCHAR,
            "channel": VARCHAR,
            "degraded": VARCHAR,  # how far the answer had to step back; null: it did not
            "shown_at": TIMESTAMP,
        }
    ),
    order=("shown_at", "slate_id", "position"),
    time="shown_at",
)

SOURCE_TABLES: Mapping[str, LandingTable] = MappingProxyType(
    {table.name: table for table in (INTERACTIONS, ITEMS, USERS, PLACEMENTS, USER_STATES)}
)
"""What a source of data may fill; impressions come from Slate's own serving alone."""

TABLES: Mapping[str, LandingTable] = MappingProxyType({**SOURCE_TABLES, IMPRESSIONS.name: IMPRESSIONS})


def absent_columns(supplied: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """The contract's columns that a source lacks, by bare name, for `Source.absent`.

    A name that stands in several tables counts by the interactions, where features read it (`user_id`, `place_id`);
    one that they do not have is there if any table has it (`attributes`). A source without `user_id` also lacks
    `known_user`, which the events mart derives from it.

    Args:
        supplied: The columns that the source fills, by landing table.
    """
    absent: dict[str, bool] = {}
    for table in SOURCE_TABLES.values():
        for column in table.columns:
            if table is INTERACTIONS or column not in INTERACTIONS.columns:
                absent[column] = absent.get(column, True) and column not in supplied.get(table.name, ())
    names = [column for column, is_absent in absent.items() if is_absent]
    return (*names, "known_user") if "user_id" in names else tuple(names)
