"""The ranker's inputs: one row a candidate, gathered from arrays, with nothing that was not known at the moment."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Floats, Ints, is_among
from ml.data.requests import Requests
from ml.features.store import Snapshot, Table
from ml.ranking.candidates import Candidates

DAY_US = 86_400_000_000
SESSION_FEATURES = ["session_length", "session_count", "session_steps_back"]


@dataclass(frozen=True)
class Frame:
    """N candidates × F features, grouped by request."""

    names: tuple[str, ...]
    values: Floats  # (N, F); NaN: not known
    offsets: Ints  # (R + 1,)

    def select(self, names: tuple[str, ...]) -> Floats:
        """(N, F') these features in this order; a missing one is an error, not a guess."""
        at = {name: position for position, name in enumerate(self.names)}
        return self.values if names == self.names else self.values[:, [at[name] for name in names]]


def build_frame(requests: Requests, candidates: Candidates, snapshot: Snapshot) -> Frame:
    """Describe each candidate by its request, its user, its item, both together, and what the retrievers said."""
    groups = [describe(requests, candidates, snapshot) for describe in _DESCRIPTIONS]
    names = tuple(name for group, _ in groups for name in group)
    return Frame(names, np.concatenate([values for _, values in groups], axis=1), candidates.offsets)


_Described = tuple[list[str], Floats]


def _user(requests: Requests, candidates: Candidates, snapshot: Snapshot) -> _Described:
    return _prefixed("user", snapshot.user_names), snapshot.user_rows(requests.user)[candidates.rows]


def _item(requests: Requests, candidates: Candidates, snapshot: Snapshot) -> _Described:
    return _prefixed("item", snapshot.item_names), snapshot.item_rows(candidates.item)


def _user_item(requests: Requests, candidates: Candidates, snapshot: Snapshot) -> _Described:
    user = requests.user[candidates.rows]
    return _prefixed("user_item", snapshot.user_item.names), snapshot.user_item.gather(user, candidates.item)


def _user_category(requests: Requests, candidates: Candidates, snapshot: Snapshot) -> _Described:
    user = requests.user[candidates.rows]
    values = snapshot.user_category.gather(user, snapshot.category[candidates.item])
    return _prefixed("user_category", snapshot.user_category.names), values


def _user_facts(requests: Requests, candidates: Candidates, snapshot: Snapshot) -> _Described:
    """What is known of the user as numbers, a moment as the days since; nothing where a domain declares no facts.

    One ranker scores all items, guarded ones too: it never reads protected facts. Texts are left to the retrievers,
    which keep those that they learned.
    """
    facts = requests.facts.facts
    names = [name for name, fact in facts.items() if fact.for_models and not fact.protected and fact.kind != "category"]
    if not names:
        return [], _nothing(candidates)
    values = requests.facts.select(tuple(names)).values.copy()
    moments = [facts[name].kind == "moment" for name in names]
    values[:, moments] = (requests.moment / DAY_US)[:, None] - values[:, moments]
    return _prefixed("user_fact", tuple(names)), values[candidates.rows]


def _holdings(requests: Requests, candidates: Candidates, snapshot: Snapshot) -> _Described:
    """How many items the user has, and whether the candidate is one; nothing where a domain declares no facts."""
    if not requests.facts.facts or requests.held is None:
        return [], _nothing(candidates)
    held, width = requests.held, int(candidates.item.max(initial=0)) + 1
    known = held.values < width
    has = is_among(candidates.rows * width + candidates.item, held.rows[known] * width + held.values[known])
    values = np.stack([held.lengths[candidates.rows], has], axis=1)
    return ["items_held", "item_held"], values.astype(np.float32)


def _nothing(candidates: Candidates) -> Floats:
    return np.zeros((len(candidates.item), 0), np.float32)


def _placement(requests: Requests, candidates: Candidates, snapshot: Snapshot) -> _Described:
    values = snapshot.placement.gather(requests.place[candidates.rows], candidates.item)
    # The plan of placements is complete: what it does not list stands in its usual place.
    return _prefixed("placement", snapshot.placement.names), np.nan_to_num(values, nan=0.0)


def _session(requests: Requests, candidates: Candidates, snapshot: Snapshot) -> _Described:
    """How often the candidate occurs in the current session, and how many steps ago it did last."""
    session = requests.session
    if not len(session.values):
        nowhere = np.full((len(candidates.item), 3), np.nan, np.float32)
        nowhere[:, 0] = 0
        return SESSION_FEATURES, nowhere
    lengths = session.lengths[candidates.rows].astype(np.float32)
    width = max(int(session.values.max(initial=0)), int(candidates.item.max(initial=0))) + 1
    keys = session.rows * width + session.values
    steps_back = session.offsets[session.rows + 1] - np.arange(len(keys))
    order = np.lexsort((steps_back, keys))
    found, first, count = np.unique(keys[order], return_index=True, return_counts=True)
    table = Table(
        ("count", "steps_back"), found, width,
        np.stack([count, steps_back[order][first]], axis=1).astype(np.float32),
    )  # fmt: skip
    values = table.gather(candidates.rows.astype(np.int32), candidates.item)
    return SESSION_FEATURES, np.column_stack([lengths, values])


def _context(requests: Requests, candidates: Candidates, snapshot: Snapshot) -> _Described:
    """The length of the history, and when it is."""
    days = requests.moment / DAY_US
    values = np.stack([requests.history.items.lengths, days % 365.25, (days + 3) % 7], axis=1)
    return ["history_length", "day_of_year", "day_of_week"], values.astype(np.float32)[candidates.rows]


def _retrievers(requests: Requests, candidates: Candidates, snapshot: Snapshot) -> _Described:
    names = [f"{name}_{what}" for what in ("score", "rank") for name in candidates.names]
    found = np.isfinite(candidates.rank).sum(axis=1, keepdims=True).astype(np.float32)
    return [*names, "retrievers"], np.concatenate([candidates.score, candidates.rank, found], axis=1)


def _prefixed(prefix: str, names: tuple[str, ...]) -> list[str]:
    return [f"{prefix}_{name}" for name in names]


_DESCRIPTIONS: tuple[Callable[[Requests, Candidates, Snapshot], _Described], ...] = (
    _user, _item, _user_item, _user_category, _user_facts, _holdings, _placement, _session, _context, _retrievers,
)  # fmt: skip
