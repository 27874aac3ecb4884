"""What is asked: a stated mix of known and unknown users, sessions, placements and events, drawn by a seed."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from ml.bundle.stored import load_log, load_vocabulary
from ml.data.arrays import Bools, Reals
from ml.domains.domain import Domain
from ml.domains.frozen import Frozen
from ml.serving.load.connections import post

DISTINCT = 4_096  # slate requests that are drawn; they then come round again
LONGEST_SESSION = 5
VERSION = re.compile(rb'"model_version":\s*(\d+)')
WHOLE = re.compile(rb'"degraded":\s*null')
TIMINGS = re.compile(rb'"timings_ms":\s*(\{[^}]*\})')


class Mix(Frozen):
    """Shares of what is asked."""

    events: float = 0.1  # of all requests: an event each
    unknown: float = 0.1  # of slates: for users whom nobody has seen
    in_session: float = 0.3  # of slates: with some items that were looked at just now
    first_placement: float = 0.5  # of slates: at the domain's first placement; the others share the rest


@dataclass(frozen=True)
class People:
    """Who asks, by how much they did, and what they look at, by how often it was."""

    users: Sequence[str]
    activity: Reals  # (users,) shares
    items: Sequence[str]
    popularity: Reals  # (items,) shares

    @classmethod
    def of_bundle(cls, bundle: Path) -> "People":
        """Of a sealed bundle's own log, without opening its models."""
        log = load_log(bundle / "log")
        users, items = (load_vocabulary(bundle / "vocabulary" / f"{name}.parquet").ids for name in ("users", "items"))
        return cls(users.tolist(), _shares(log.user, len(users)), items.tolist(), _shares(log.item, len(items)))


@dataclass(frozen=True)
class Told:
    """What is remembered of a slate."""

    degraded: bool
    version: int
    timings: Mapping[str, float]  # milliseconds by stage


@dataclass(frozen=True)
class Traffic:
    """Requests for one domain; the same seed asks the same."""

    declared: Domain
    people: People
    mix: Mix = field(default_factory=Mix)
    seed: int = 7
    run: str = "load"  # begins the identifiers of events: a store takes each only once

    @cached_property
    def bodies(self) -> list[dict[str, Any]]:
        """(DISTINCT,) what slates are asked with."""
        return [dict(self._slate(row)) for row in range(DISTINCT)]

    @cached_property
    def slates(self) -> list[bytes]:
        """(DISTINCT,) the same as requests."""
        path = f"/v1/{quote(self.declared.name)}/slates"
        return [post(path, json.dumps(body).encode()) for body in self.bodies]

    def asks_for_slates(self, requests: int) -> Bools:
        """(N,) which requests ask for slates; the others are events."""
        drawn: Bools = np.random.default_rng((self.seed, 1)).random(requests) >= self.mix.events
        return drawn

    def request(self, slates: Bools) -> Any:
        """Makes the request of a number."""
        bodies, asked = self.slates, slates.tolist()
        return lambda number: bodies[number % DISTINCT] if asked[number] else self.event(number)

    def event(self, number: int) -> bytes:
        """One event that happens now, told to the server."""
        user, item, _ = self._drawn
        row = number % DISTINCT
        told = self.event_of(f"{self.run}-{number}", user[row], item[row])
        return post(f"/v1/{quote(self.declared.name)}/events", json.dumps(told).encode())

    def event_of(self, event_id: str, user_id: str, item_id: str, event_type: str | None = None) -> dict[str, Any]:
        """The columns of an event that happens now; of the domain's first type where none is named."""
        return {
            "event_id": event_id, "session_id": f"{self.run}-{user_id}", "user_id": user_id, "item_id": item_id,
            "event_type": event_type or next(iter(self.declared.event_weights)),
        }  # fmt: skip

    @cached_property
    def _drawn(self) -> tuple[list[str], list[str], list[list[str]]]:
        """(DISTINCT,) a user, an item and a session of each."""
        rng, people = np.random.default_rng((self.seed, 2)), self.people
        users = [people.users[at] for at in rng.choice(len(people.users), DISTINCT, p=people.activity)]
        strangers = rng.random(DISTINCT) < self.mix.unknown
        users = [f"stranger-{row}" if strangers[row] else user for row, user in enumerate(users)]
        items = rng.choice(len(people.items), (DISTINCT, 1 + LONGEST_SESSION), p=people.popularity)
        lengths = rng.integers(1, 1 + LONGEST_SESSION, DISTINCT) * (rng.random(DISTINCT) < self.mix.in_session)
        sessions = [[people.items[at] for at in items[row, 1 : 1 + lengths[row]]] for row in range(DISTINCT)]
        return users, [people.items[at] for at in items[:, 0]], sessions

    @cached_property
    def _placements(self) -> list[str]:
        names = list(self.declared.placements)
        others = max(len(names) - 1, 1)
        first = self.mix.first_placement if len(names) > 1 else 1.0
        shares = [first, *[(1 - first) / others] * (len(names) - 1)]
        return [names[at] for at in np.random.default_rng((self.seed, 3)).choice(len(names), DISTINCT, p=shares)]

    def _slate(self, row: int) -> Mapping[str, Any]:
        user, item, session = (column[row] for column in self._drawn)
        placement = self._placements[row]
        body: dict[str, Any] = {"user_id": user, "placement": placement}
        if self.declared.placements[placement].anchored:
            body["anchor"] = item
        if session:
            kind = next(iter(self.declared.event_weights))
            seen = [{"item_id": each, "event_type": kind} for each in session]
            body |= {"session_id": f"{self.run}-{user}", "session": seen}
        return body


def told(status: int, body: bytes) -> Told | None:
    """What an answer says of itself; None where it is no slate."""
    version = VERSION.search(body) if status == 200 else None
    if version is None:
        return None
    timings = TIMINGS.search(body)
    return Told(WHOLE.search(body) is None, int(version[1]), json.loads(timings[1]) if timings else {})


def _shares(rows: Any, size: int) -> Reals:
    counts = np.bincount(np.asarray(rows), minlength=size).astype(float)
    return counts / counts.sum() if counts.sum() else np.full(size, 1 / size)
