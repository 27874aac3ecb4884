"""The ranker's inputs: one row a candidate, gathered from arrays, with nothing that was not known at the moment."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ml.data.arrays import Floats, Indices, Ints
from ml.data.requests import Requests
from ml.features.store import Snapshot, Table
from ml.ranking import frame_kernels as kernels
from ml.ranking.candidates import Candidates

DAY_US = 86_400_000_000
SESSION_FEATURES = ("session_length", "session_count", "session_steps_back")


@dataclass(frozen=True)
class Frame:
    """N candidates × F features, grouped by request."""

    names: tuple[str, ...]
    values: Floats  # (N, F); NaN: not known
    offsets: Ints  # (R + 1,)

    def select(self, names: tuple[str, ...]) -> Floats:
        """(N, F') these features in this order; a missing one is an error, not a guess."""
        if names == self.names:
            return self.values
        at = {name: position for position, name in enumerate(self.names)}
        return self.values[:, [at[name] for name in names]]


# The names of some columns, and what writes them into all values (N, F) from a column on.
Group = tuple[tuple[str, ...], Callable[[Floats, int], None]]


def build_frame(requests: Requests, candidates: Candidates, snapshot: Snapshot) -> Frame:
    """Describe each candidate by its request, its user, its item, both together, and what the retrievers said."""
    groups = [*_groups(requests, candidates, snapshot)]
    names = _joined(tuple(group for group, _ in groups))
    values, at = np.empty((len(candidates.item), len(names)), np.float32), 0
    for group, write in groups:
        write(values, at)
        at += len(group)
    return Frame(names, values, candidates.offsets)


@lru_cache(maxsize=16)
def _joined(groups: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    return tuple(name for group in groups for name in group)


def _groups(requests: Requests, candidates: Candidates, snapshot: Snapshot) -> Iterator[Group]:
    item = candidates.item
    yield _of_requests("user", snapshot.user_names, snapshot.user_rows(requests.user), candidates)
    yield _of_items(snapshot, item)
    yield _of_pairs("user_item", snapshot.user_item, requests.user, item, candidates)
    yield _of_pairs("user_category", snapshot.user_category, requests.user, snapshot.category[item], candidates)
    yield from _user_facts(requests, candidates)
    yield from _holdings(requests, candidates)
    # The plan of placements is complete: what it does not list stands in its usual place.
    yield _of_pairs("placement", snapshot.placement, requests.place, item, candidates, missing=0.0)
    yield _session(requests, candidates)
    yield _of_requests("", ("history_length", "day_of_year", "day_of_week"), _context(requests), candidates)
    yield _retrievers(candidates)


def _of_requests(prefix: str, names: tuple[str, ...], told: Floats, candidates: Candidates) -> Group:
    """What is told (R, G) of each request."""
    told = np.ascontiguousarray(told, np.float32)
    return _prefixed(prefix, names), lambda values, at: kernels.of_requests(values, at, candidates.offsets, told)


def _of_items(snapshot: Snapshot, item: Indices) -> Group:
    names = _prefixed("item", snapshot.item_names)
    return names, lambda values, at: kernels.of_items(values, at, item, snapshot.item)


def _of_pairs(
    prefix: str, table: Table, left: Indices, right: Indices, candidates: Candidates, missing: float = np.nan
) -> Group:
    """What a table tells of pairs of a request's `left` (R,) and a candidate's `right` (N,)."""

    def write(values: Floats, at: int) -> None:
        kernels.of_pairs(values, at, candidates.offsets, left, right, table.keys, table.width, table.values, missing)

    return _prefixed(prefix, table.names), write


def _user_facts(requests: Requests, candidates: Candidates) -> Iterator[Group]:
    """What is known of the user as numbers, a moment as the days since; nothing where a domain declares no facts.

    One ranker scores all items, guarded ones too: it never reads protected facts. Texts are left to the retrievers,
    which keep those that they learned.
    """
    facts = requests.facts.facts
    names = tuple(
        name for name, fact in facts.items() if fact.for_models and not fact.protected and fact.kind != "category"
    )
    if not names:
        return
    told = requests.facts.select(names).values.copy()
    moments = [facts[name].kind == "moment" for name in names]
    told[:, moments] = (requests.moment / DAY_US)[:, None] - told[:, moments]
    yield _of_requests("user_fact", names, told, candidates)


def _holdings(requests: Requests, candidates: Candidates) -> Iterator[Group]:
    """How many items the user has, and whether the candidate is one; nothing where a domain declares no facts."""
    held = requests.held
    if not requests.facts.facts or held is None:
        return

    def write(values: Floats, at: int) -> None:
        kernels.of_holdings(values, at, candidates.offsets, candidates.item, held.offsets, held.values)

    yield ("items_held", "item_held"), write


def _session(requests: Requests, candidates: Candidates) -> Group:
    """How often the candidate occurs in the current session, and how many steps ago it did last."""
    session = requests.session

    def write(values: Floats, at: int) -> None:
        kernels.of_session(values, at, candidates.offsets, candidates.item, session.offsets, session.values)

    return SESSION_FEATURES, write


def _context(requests: Requests) -> Floats:
    """(R, 3) the length of the history, and when it is."""
    days = requests.moment / DAY_US
    told = np.empty((len(requests), 3), np.float32)
    told[:, 0], told[:, 1], told[:, 2] = requests.history.items.lengths, days % 365.25, (days + 3) % 7
    return told


def _retrievers(candidates: Candidates) -> Group:
    return _said_by(candidates.names), lambda values, at: kernels.of_retrievers(
        values, at, candidates.score, candidates.rank
    )


@lru_cache(maxsize=64)
def _said_by(retrievers: tuple[str, ...]) -> tuple[str, ...]:
    return (*(f"{name}_{what}" for what in ("score", "rank") for name in retrievers), "retrievers")


@lru_cache(maxsize=64)
def _prefixed(prefix: str, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{prefix}_{name}" if prefix else name for name in names)
