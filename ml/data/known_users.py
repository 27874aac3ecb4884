"""What a published artifact knows of its users as of its instant, some users at a time.

`load_dataset` holds all that ever happened, as training needs it. Rules read the little that is here, of any number
of users in the memory that some of them take: the marts are ordered by user, and only the rows of some are read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from ml.data.arrays import Ragged, Strings
from ml.data.dataset import declared_by, read_catalogue
from ml.data.facts import FactTable, UserStates, item_facts, user_states
from ml.data.knowledge import Knowledge
from ml.data.requests import History, Requests
from ml.data.vocabulary import Vocabulary
from ml.data.windows import to_micros
from ml.domains import Domain
from ml.settings import settings


@dataclass(frozen=True)
class KnownUsers:
    """Everybody in a published artifact, and what rules may read of them."""

    path: Path
    domain: Domain
    moment: int  # microseconds since 1970 UTC: what was known strictly before it
    ids: Strings  # (U,) sorted
    catalogue: pd.DataFrame  # one row an item, in vocabulary order
    item_facts: FactTable  # one row an item

    @classmethod
    def of(cls, path: Path) -> "KnownUsers":
        """The users of a published `features` artifact as of its own instant."""
        domain, _, windows = declared_by(path)
        catalogue = read_catalogue(path)
        facts = item_facts(catalogue, domain.item_facts)
        return cls(path, domain, to_micros(windows.as_of), _everybody(path), catalogue, facts)

    def __len__(self) -> int:
        return len(self.ids)

    def chunks(self, size: int) -> Iterator[tuple[Strings, Requests]]:
        """Who they are and one request each, without a history, of so many users at a time."""
        for start in range(0, len(self.ids), size):
            users = Vocabulary(self.ids[start : start + size])
            yield users.ids, self._knowledge(users).told(_asked(len(users), self.moment), len(self.catalogue))

    @cached_property
    def _items(self) -> Vocabulary:
        return Vocabulary(self.catalogue["item_id"].to_numpy(object))

    def _knowledge(self, users: Vocabulary) -> Knowledge:
        """What is known of some users, who lie side by side in the order of all."""
        facts = UserStates.none()
        if self.domain.user_facts:
            facts = user_states(self.path / "user_states.parquet", users, self.domain.user_facts, until=self.moment)
        events = self._events(users)
        return Knowledge.of_events(
            self.domain, facts, users.encode(events["user_id"]), self._items.encode(events["item_id"]),
            events["at"].to_numpy(np.int64), events["event_type"].to_numpy(object),
        )  # fmt: skip

    def _events(self, users: Vocabulary) -> pd.DataFrame:
        """Those that begin or end holdings, and those that rules read."""
        holdings = self.domain.holdings
        with _connection() as connection:
            return connection.execute(
                """
                SELECT user_id, item_id, epoch_us(occurred_at) AS at, event_type
                FROM read_parquet($path)
                WHERE user_id BETWEEN $first AND $last AND list_contains($types, event_type)
                """,
                {
                    "path": str(self.path / "events.parquet"), "first": users.ids[0], "last": users.ids[-1],
                    "types": [*holdings.begin, *holdings.end, *self.domain.told_events],
                },
            ).df()  # fmt: skip


def _connection() -> duckdb.DuckDBPyConnection:
    known = settings()
    connection = duckdb.connect(config={"threads": known.threads, "memory_limit": known.memory_limit})
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _everybody(path: Path) -> Strings:
    """Whoever has a row among the users, or a state: nobody that is known by a session alone."""
    with _connection() as connection:
        found = connection.execute(
            "SELECT user_id FROM read_parquet($users) UNION SELECT user_id FROM read_parquet($states) ORDER BY user_id",
            {"users": str(path / "users.parquet"), "states": str(path / "user_states.parquet")},
        )
        ids: Strings = found.df()["user_id"].to_numpy(object)
        return ids


def _asked(users: int, moment: int) -> Requests:
    """One request a user, of whom nothing is told yet."""
    nothing = np.zeros(0, np.int32)
    history = History(
        np.zeros(users + 1, np.int64), nothing, nothing.astype(np.int64), nothing, nothing.astype(np.float32)
    )
    return Requests(
        np.arange(users, dtype=np.int32), np.full(users, moment, np.int64), np.full(users, -1, np.int32), history,
        Ragged.empty(users),
    )  # fmt: skip
