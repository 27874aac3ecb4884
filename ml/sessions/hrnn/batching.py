"""Which sessions stand side by side: users in parallel, each user's sessions one after the other.

Users are dealt into groups of `lanes`. Step j of a group holds the j-th session of each of its users; a user whose
sessions are over leaves, so that no state is handed to anybody else, and the next group starts from nothing. Where
nobody is known, each session is its own user and a group is one batch.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Indices, Ints, Ragged
from ml.sessions.sessions import UNKNOWN, Sessions

WINDOW = 32  # groups within which users are sorted, so that those of a group are alike


@dataclass(frozen=True)
class Step:
    """One session each of the users that are still there."""

    row: Ints  # (B,) sessions
    lane: Ints  # (B,) where each one's state stands
    first: bool  # whether these are the users' first sessions: their states are empty


@dataclass(frozen=True)
class Chains:
    """U users, each with sessions in order of time."""

    sessions: Ragged  # (U) rows of session numbers
    user: Ints  # (U,) user numbers; UNKNOWN for a session of nobody

    @classmethod
    def of(cls, sessions: Sessions) -> "Chains":
        """Sessions by user; those of nobody stand alone."""
        number = np.arange(len(sessions))
        key = np.where(sessions.user == UNKNOWN, number + sessions.user.max(initial=0) + 1, sessions.user)
        _, first, chain = np.unique(key, return_index=True, return_inverse=True)
        return cls(Ragged.from_pairs(chain, number.astype(np.int32), len(first)), sessions.user[first])

    def groups(
        self, lanes: int, size: Ints, random: np.random.Generator | None = None
    ) -> Iterator[tuple[Ints, list[Step]]]:
        """The users of each group and its steps.

        Args:
            lanes: Most users of a group.
            size: (S,) clicks of each session; users of similar size share a group.
            random: Shuffles users and groups; None: the order of the users.
        """
        for users in self._dealt(lanes, size, random):
            counts = self.sessions.lengths[users]
            start = self.sessions.offsets[users]
            steps = []
            for number in range(int(counts.max())):
                lane = np.flatnonzero(counts > number)
                steps.append(Step(self.sessions.values[start[lane] + number].astype(np.int64), lane, number == 0))
            yield users, steps

    def _dealt(self, lanes: int, size: Ints, random: np.random.Generator | None) -> list[Ints]:
        order = np.arange(len(self.sessions))
        if random is not None:
            random.shuffle(order)
            longest = np.maximum.reduceat(size[self.sessions.values], self.sessions.offsets[:-1])
            window = np.arange(len(order)) // (lanes * WINDOW)
            order = order[np.lexsort((longest[order], self.sessions.lengths[order], window))]
        groups = [order[start : start + lanes] for start in range(0, len(order), lanes)]
        return groups if random is None else [groups[at] for at in random.permutation(len(groups))]


def padded(clicks: Ragged, rows: Ints) -> tuple[Indices, Ints]:
    """(B, T) items of these sessions as 1-based numbers, 0 after their end; and their lengths (B,)."""
    taken = clicks.take(rows)
    lengths = taken.lengths
    items = np.zeros((len(rows), max(int(lengths.max(initial=0)), 1)), np.int32)
    items[taken.rows, np.arange(len(taken.values)) - taken.offsets[taken.rows]] = taken.values + 1
    return items, lengths


def prefixes(sessions: Sessions) -> Sessions:
    """Each session of n clicks as n - 1 sessions: its first two clicks, its first three, and so on."""
    clicks = sessions.clicks
    place = np.arange(len(clicks.values)) - clicks.offsets[clicks.rows]
    row, length = clicks.rows[place > 0], place[place > 0] + 1
    offsets = np.r_[0, np.cumsum(length)]
    values = clicks.values[np.arange(offsets[-1]) - np.repeat(offsets[:-1] - clicks.offsets[row], length)]
    return Sessions(Ragged(offsets, values), sessions.at[row], np.full(len(row), UNKNOWN), sessions.items)
