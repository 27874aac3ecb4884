"""What the second stage knows of a candidate: its item, the session, both together, and what each model says.

Shapes: C queries, N candidates of all of them, M models, I items, L half-lives.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Floats, Indices, Ints, Ragged
from ml.ranking.candidates import Candidates
from ml.ranking.frame import Frame
from ml.sessions.contract import SessionModel
from ml.sessions.opinions import opinions
from ml.sessions.popularity import decayed_counts
from ml.sessions.sessions import Queries, Sessions, last_items

ITEM, SESSION = ("item_log_clicks", "item_age", "item_idle"), ("session_clicks", "session_distinct", "last_log_clicks")
PAIR = ("times_in_session", "steps_back", "first_steps_back")


@dataclass(frozen=True)
class ItemFacts:
    """What past sessions tell of each item."""

    names: tuple[str, ...]
    values: Floats  # (I, F)

    @classmethod
    def of(cls, sessions: Sessions, half_lives: tuple[float, ...]) -> "ItemFacts":
        """Popularity of all time and of late, and when each item was first and last clicked (units of `at`)."""
        clicks, now = sessions.clicks, float(sessions.at.max(initial=0))
        at = sessions.at[clicks.rows]
        first, last = np.full(sessions.items, np.nan), np.full(sessions.items, np.nan)  # NaN: never
        np.fmin.at(first, clicks.values, at)
        np.fmax.at(last, clicks.values, at)
        late = [decayed_counts(sessions, half_life) for half_life in half_lives]
        columns = [np.log1p(sessions.counts), now - first, now - last, *(np.log1p(count) for count in late)]
        names = (*ITEM, *(f"item_log_clicks_{half_life:g}" for half_life in half_lives))
        return cls(names, np.stack(columns, axis=1).astype(np.float32))


def build_frame(
    queries: Queries, candidates: Candidates, models: Mapping[str, SessionModel], facts: ItemFacts
) -> Frame:
    """One row a candidate.

    Args:
        queries: What is asked; all that is said of the session comes from its prefix.
        candidates: As `merge` gives them, a query's side by side.
        models: By name; each scores every candidate, also those that it did not find itself.
        facts: Of the catalogue, from the same sessions as the models.
    """
    grouped = Ragged(candidates.offsets, candidates.item)
    parts = [
        (facts.names, facts.values[candidates.item]),
        (SESSION, _session(queries.prefix, facts)[candidates.rows]),
        (PAIR, _pair(queries.prefix, grouped)),
        (tuple(f"{name}_rank" for name in candidates.names), candidates.rank),
        opinions({name: model.score(queries, grouped) for name, model in models.items()}, grouped),
    ]
    names = tuple(name for group, _ in parts for name in group)
    return Frame(names, np.concatenate([values for _, values in parts], axis=1, dtype=np.float32), candidates.offsets)


def _session(prefix: Ragged, facts: ItemFacts) -> Floats:
    """(C, 3) how long the prefix is, how many items it has, and how popular its last one is."""
    width = len(facts.values)
    distinct = np.bincount(np.unique(prefix.rows * width + prefix.values) // max(width, 1), minlength=len(prefix))
    last = last_items(prefix)
    popularity = np.where(last >= 0, facts.values[last, 0], np.nan)
    return np.stack([prefix.lengths, distinct, popularity], axis=1).astype(np.float32)


def _pair(prefix: Ragged, grouped: Ragged) -> Floats:
    """(N, 3) how often the candidate is in the prefix, and how many steps back last and first; NaN: it is not."""
    width = int(max(prefix.values.max(initial=0), grouped.values.max(initial=0))) + 1
    back = prefix.offsets[1:][prefix.rows] - np.arange(len(prefix.values))  # 1: the latest
    key, first, at, count = _unique(prefix.rows * width + prefix.values)
    latest = np.full(len(key), np.iinfo(np.int64).max)
    np.minimum.at(latest, at, back)
    found = np.full((len(grouped.values), len(PAIR)), np.nan, np.float32)
    found[:, 0] = 0
    if len(key):
        wanted = grouped.rows * width + grouped.values
        place = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
        hit = key[place] == wanted
        found[hit] = np.stack([count, latest, back[first]], axis=1)[place[hit]]
    return found


def _unique(key: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    found = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
    return found[0], found[1], found[2], found[3]


def labels(candidates: Candidates, target: Ints) -> Indices:
    """(N,) 1 for a query's target, else 0."""
    hit: Indices = (candidates.item == target[candidates.rows]).astype(np.int32)
    return hit
