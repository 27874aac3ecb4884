"""Items that serving was told of, into the landing zone: a further version of the catalogue."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from ml.data.landing import partitions, read_source, table_glob
from ml.data.landing_writer import Part, open_landing
from ml.data.new_items import NewItem, merged
from ml.data.schema import ITEMS
from ml.data.sql import identifier, literal
from ml.logs import get_logger
from ml.serving.items import kept_items
from ml.steps.record import recorded
from ml.steps.served_segments import told_items

SLICE = "told while serving"
log = get_logger(__name__)


@recorded("land items")
def land_items(
    domain: str, told: Iterable[tuple[int, str, bytes]] | None = None, now: datetime | None = None
) -> dict[str, Any]:
    """Land what serving was told of items as a version of the catalogue, valid from the latest landed event on.

    What is not told of an item that has landed stays as its latest version says, so a champion trained later knows
    it as serving does. Landing the same again changes nothing.

    Args:
        domain: Whose items; its data must have landed.
        told: What `Store.items_since` returns: (sequence number, item_id, JSON of a `NewItem`); default: what the
            closed segments of the event log tell.
        now: When this landing takes place (aware, UTC); default: the present.

    Returns:
        `domain`, `items` (how many are told of), `new` (how many the catalogue did not have), and `partition`, null
        where everything had landed.

    Raises:
        RunFailed: Nothing has landed for the domain.
    """
    items = merged(kept_items(told_items(domain) if told is None else told))
    if not items:
        return {"domain": domain, "items": 0, "new": 0, "partition": None}
    source = read_source(domain)
    with open_landing(domain, source.name, now or datetime.now(UTC)) as writer:
        frame = _frame(items)
        writer.connection.register("told", frame)
        new = len(writer.connection.execute(_unheard(domain)).fetchall())
        before = [part.hash for part in partitions(domain, ITEMS.name) if part.slice != SLICE]
        writer.stage(Part(ITEMS.name, SLICE, {"told": frame.to_csv(index=False), "over": before}), _merged(domain))
        writer.keep_events()
        landed = writer.commit(source)
    parts = [str(part.folder) for part in landed.new if part.table == ITEMS.name]
    log.info("%s: %d items told while serving, %d of them new", domain, len(items), new)
    return {"domain": domain, "items": len(items), "new": new, "partition": parts[0] if parts else None}


def _frame(items: dict[str, NewItem]) -> pd.DataFrame:
    """A row an item, in the columns of the landing table."""
    rows = [item.model_dump() for item in items.values()]
    attributes = [item.attributes_json for item in items.values()]
    frame = pd.DataFrame(rows).assign(attributes=pd.Series(attributes, dtype=object))
    moments = pd.to_datetime(frame["launched_at"], utc=True).dt.tz_localize(None).astype("datetime64[us]")
    texts = {name: frame[name].astype(object) for name, kind in ITEMS.columns.items() if kind == "VARCHAR"}
    numbers = {name: frame[name].astype(float) for name, kind in ITEMS.columns.items() if kind == "DOUBLE"}
    return frame.assign(**texts, **numbers, launched_at=moments)[list(ITEMS.columns)]


def _latest(domain: str) -> str:
    """SQL: the latest landed version of each item."""
    order = pd.DataFrame(
        [(part.hash, number) for number, part in enumerate(partitions(domain, ITEMS.name))], columns=["hash", "number"]
    )
    values = ", ".join(f"({literal(name)}, {number})" for name, number in order.itertuples(index=False))
    return (
        f"SELECT item.* EXCLUDE (filename) FROM read_parquet({literal(table_glob(domain, ITEMS.name))}, filename = true) "
        f"AS item JOIN (VALUES {values}) AS landed(hash, number) ON contains(item.filename, landed.hash) "
        "QUALIFY row_number() OVER (PARTITION BY item_id ORDER BY landed.number DESC) = 1"
    )


def _merged(domain: str) -> str:
    columns = ", ".join(
        f"coalesce(told.{identifier(name)}, landed.{identifier(name)}) AS {identifier(name)}" for name in ITEMS.columns
    )
    return f"SELECT {columns} FROM told LEFT JOIN ({_latest(domain)}) AS landed USING (item_id)"


def _unheard(domain: str) -> str:
    return f"SELECT * FROM told ANTI JOIN ({_latest(domain)}) AS landed USING (item_id)"
