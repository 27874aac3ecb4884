"""Facts as arrays: what is known about users as of a moment, and about items, in the kinds that a domain declares."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from ml.data.arrays import Bools, Floats, Indices, Ints, Strings, first_at
from ml.data.sql import literal
from ml.data.vocabulary import Vocabulary
from ml.domains.facts import Fact

UNKNOWN = np.float32(np.nan)
DAY_US = 86_400_000_000


@dataclass(frozen=True)
class FactTable:
    """N rows of F declared facts as numbers; NaN is what is not known.

    A flag is 0 or 1, a moment is in days since 1970 (UTC), a category is its place in `categories`.
    """

    facts: Mapping[str, Fact]  # (F) in the order of the columns
    values: Floats  # (N, F)
    categories: Mapping[str, Strings]  # the sorted texts of each category

    @classmethod
    def none(cls) -> "FactTable":
        """No facts of nobody."""
        return cls({}, np.zeros((0, 0), np.float32), {})

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def _place(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.facts)}

    def column(self, name: str) -> Floats:
        """(N,) one fact."""
        return self.values[:, self._place[name]]

    def code(self, name: str, text: str) -> float:
        """The number of one text of a category; -1 where no row holds it."""
        known = self.categories[name]
        at = int(np.searchsorted(known, text))
        return float(at) if at < len(known) and known[at] == text else -1.0

    def text(self, name: str, row: int) -> str | None:
        """A fact of one row for people; None where it is not known."""
        value = float(self.column(name)[row])
        if np.isnan(value):
            return None
        match self.facts[name].kind:
            case "category":
                return str(self.categories[name][int(value)])
            case "flag":
                return "yes" if value else "no"
            case "moment":
                return str(np.datetime64(int(value), "D"))
            case "number":
                return f"{value:g}"

    def take(self, rows: Indices | Ints) -> "FactTable":
        """These rows, in this order; -1 is a row of which nothing is known."""
        if not len(self.values):
            values = np.full((len(rows), len(self.facts)), UNKNOWN)
        else:
            values = np.where((rows >= 0)[:, None], self.values[np.maximum(rows, 0)], UNKNOWN)
        return FactTable(self.facts, values, self.categories)

    def between(self, start: int, stop: int) -> "FactTable":
        """The rows from `start` up to `stop`: a view."""
        return FactTable(self.facts, self.values[start:stop], self.categories)

    def aligned(self, facts: Mapping[str, Fact], categories: Mapping[str, Strings], rows: int) -> "FactTable":
        """The same rows as a model learned them: these facts in this order, categories by these texts.

        A fact that is not here is not known, of `rows` rows where there is none at all; neither is a text that is
        not among the model's.
        """
        values = np.full((rows, len(facts)), UNKNOWN)
        for place, name in enumerate(facts):
            if name not in self.facts:
                continue
            column = self.column(name)
            values[:, place] = (
                _recoded(column, self.categories[name], categories[name]) if name in categories else column
            )
        return FactTable(facts, values, categories)

    def select(self, names: tuple[str, ...]) -> "FactTable":
        """The same rows with these facts only."""
        columns = [self._place[name] for name in names]
        categories = {name: texts for name, texts in self.categories.items() if name in names}
        return FactTable({name: self.facts[name] for name in names}, self.values[:, columns], categories)


@dataclass(frozen=True)
class UserStates:
    """The facts of users from when on they held: S states, ordered by user, then time."""

    user: Indices  # (S,) row of the user vocabulary
    since: Ints  # (S,) microseconds since 1970 UTC: the state holds from then on, until the user's next one
    table: FactTable  # (S, F)

    @classmethod
    def none(cls) -> "UserStates":
        """Nothing is known of anybody."""
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int64), FactTable.none())

    def where(self, keep: Bools) -> "UserStates":
        """The states that a mask keeps."""
        return UserStates(self.user[keep], self.since[keep], self.table.take(np.flatnonzero(keep)))

    def at(self, user: Indices, moment: Ints) -> FactTable:
        """What was known of R users strictly before R moments; of nobody (-1) and of the not yet known, nothing."""
        if not len(self.user):
            return self.table.take(np.full(len(user), -1))
        first, stop = np.searchsorted(self.user, [user, np.asarray(user) + 1])

        last = first_at(self.since, first, stop, np.asarray(moment)) - 1
        return self.table.take(np.where((last >= first) & (np.asarray(user) >= 0), last, -1))


def _recoded(codes: Floats, own: Strings, wanted: Strings) -> Floats:
    """(N,) places among the wanted texts of what are places among one's own."""
    place = pd.Index(wanted).get_indexer(pd.Index(own)).astype(np.float32)
    place[place < 0] = UNKNOWN
    known = ~np.isnan(codes)
    found = np.full_like(codes, UNKNOWN)
    found[known] = place[codes[known].astype(np.int64)]
    return found


_SQL = {
    "number": "TRY_CAST({value} AS FLOAT)",
    "flag": "CAST(TRY_CAST({value} AS BOOLEAN) AS FLOAT)",
    "moment": "CAST(epoch_us(TRY_CAST({value} AS TIMESTAMP)) / 86400e6 AS FLOAT)",
    "category": "{value}",
}


def read_facts(
    connection: duckdb.DuckDBPyConnection, relation: str, facts: Mapping[str, Fact], keys: str, order: str
) -> tuple[pd.DataFrame, FactTable]:
    """The keys and the facts of every row of a relation that has the JSON column `attributes`.

    Args:
        connection: Where the relation can be read.
        relation: SQL after FROM; made by code, never from input.
        facts: Which facts, in the order of the columns.
        keys: SQL expressions of the keys.
        order: Columns that order the rows.
    """
    wanted = ", ".join(
        f"{_SQL[fact.kind].format(value=f'texts[{n + 1}]')} AS fact_{n}" for n, fact in enumerate(facts.values())
    )
    # All at once: a call for each fact would parse the object as often.
    texts = "json_extract_string(attributes, CAST($paths AS VARCHAR[])) AS texts"
    query = f"SELECT {keys}, {wanted or 'NULL'} FROM (SELECT *, {texts} FROM {relation}) ORDER BY {order}"
    # In Arrow a text takes a few bytes, as an object of Python ten times as many.
    rows = connection.sql(query, params={"paths": [f'$."{name}"' for name in facts]}).to_arrow_table()
    values = np.full((len(rows), len(facts)), UNKNOWN)
    categories: dict[str, Strings] = {}
    for place, (name, fact) in enumerate(facts.items()):
        column = rows[f"fact_{place}"]
        if fact.kind == "category":
            values[:, place], categories[name] = _codes(column)
        else:
            values[:, place] = column.to_numpy()
    frame = rows.drop_columns([f"fact_{place}" for place in range(len(facts))]).to_pandas()
    return frame, FactTable(dict(facts), values, categories)


def _codes(column: pa.ChunkedArray) -> tuple[Floats, Strings]:
    """Each text's place among the sorted distinct ones, and these; NaN where there is none."""
    encoded = column.combine_chunks().dictionary_encode()
    texts = encoded.dictionary.to_numpy(zero_copy_only=False)
    order = np.argsort(texts)
    place = np.append(np.argsort(order), UNKNOWN).astype(np.float32)  # -1, of what is null, finds the last
    return place[encoded.indices.fill_null(-1).to_numpy()], texts[order]


def item_facts(catalogue: pd.DataFrame, facts: Mapping[str, Fact]) -> FactTable:
    """The facts of every item of a catalogue, in its order."""
    if not facts:
        return FactTable.none()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = catalogue[["attributes"]].assign(place=np.arange(len(catalogue)))
        connection.register("catalogue", rows)
        return read_facts(connection, "catalogue", facts, "place", "place")[1]


def user_states(path: Path, users: Vocabulary, facts: Mapping[str, Fact], until: int | None = None) -> UserStates:
    """The states of the published mart `user_states`.

    Args:
        path: Parquet file with user_id, valid_from and the JSON object attributes (null: nothing is known any more).
        users: Whose states; others are left out.
        facts: Which facts.
        until: Only the latest state of each user strictly before this instant, microseconds since 1970 UTC; None:
            every state.
    """
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2; SET TimeZone = 'UTC'")
        connection.register(
            "known", pd.DataFrame({"user_id": users.ids, "user": np.arange(len(users), dtype=np.int32)})
        )
        connection.from_parquet(str(path)).create_view("every_state")
        relation = f"({_wanted_states(users, until)}) AS states JOIN known USING (user_id)"
        keys = '"user", epoch_us(valid_from) AS since'
        frame, table = read_facts(connection, relation, facts, keys, '"user", valid_from')
    return UserStates(frame["user"].to_numpy(np.int32), frame["since"].to_numpy(np.int64), table)


def _wanted_states(users: Vocabulary, until: int | None) -> str:
    """SQL of the states that may be of these users: the file is ordered by user, and no more of it is read."""
    bounds = f"user_id BETWEEN {literal(users.ids[0])} AND {literal(users.ids[-1])}" if len(users) else "false"
    if until is None:
        return f"SELECT * FROM every_state WHERE {bounds}"
    return (
        f"SELECT * FROM every_state WHERE {bounds} AND valid_from < make_timestamp({until}) "
        "QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY valid_from DESC) = 1"
    )
