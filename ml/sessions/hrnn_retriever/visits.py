"""Histories as sessions of steps: a step is the set of items that a session took at one instant.

A click is a step of its own; the lines of a till receipt are one step, whose order on the receipt means nothing.

Shapes: R rows (users, or requests), S sessions of all rows, P steps of all sessions, N items of all steps.
"""

from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Bools, Indices, Ints, Ragged, take_ranges
from ml.data.requests import History


@dataclass(frozen=True)
class Visits:
    """What R rows took, oldest first; no session is without a step and no step without an item."""

    sessions: Ints  # (R + 1,) where each row's sessions begin
    steps: Ints  # (S + 1,) where each session's steps begin
    items: Ragged  # (P) distinct items of each step, ascending
    wanted: Bools  # (N,) whether an item was taken by an event that a recommendation should bring about

    @classmethod
    def of(cls, history: History, wanted: Bools | None = None) -> "Visits":
        """The sessions of each row of a history, whose events of one session follow each other.

        Args:
            history: N' events.
            wanted: (N',) whether the event is one that a recommendation should bring about; None: all are.
        """
        row = history.rows
        new_session = _changes(row) | _changes(history.session)
        new_step = new_session | _changes(history.at)
        step, width = np.cumsum(new_step) - 1, int(history.item.max(initial=0)) + 1
        other = np.zeros(len(row), bool) if wanted is None else ~wanted
        key = np.sort((step * width + history.item) * 2 + other)  # the wanted first: the rest of a pair is dropped
        key = key[_changes(key // 2)]
        step, item = np.divmod(key // 2, width)
        begun = np.flatnonzero(new_session)
        return cls(
            offsets_of(row[begun], len(history)), offsets_of(np.cumsum(new_session)[new_step] - 1, len(begun)),
            Ragged(offsets_of(step, int(new_step.sum())), item.astype(np.int32)), key % 2 == 0,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.sessions) - 1

    @property
    def counts(self) -> Ints:
        """(R,) sessions of each row."""
        return np.diff(self.sessions)

    @property
    def session_of_step(self) -> Ints:
        """(P,) the session of each step."""
        return np.repeat(np.arange(len(self.steps) - 1), np.diff(self.steps))

    def cut(self, starts: Ints, stops: Ints) -> "Visits":
        """The sessions in these ranges, one range a row."""
        sessions, at = take_ranges(starts, stops)
        steps, at = take_ranges(self.steps[at], self.steps[at + 1])
        offsets, at = take_ranges(self.items.offsets[at], self.items.offsets[at + 1])
        return Visits(sessions, steps, Ragged(offsets, self.items.values[at]), self.wanted[at])

    def latest_steps(self, most: int) -> "Visits":
        """Only the latest `most` steps of each session."""
        steps, at = take_ranges(np.maximum(self.steps[1:] - most, self.steps[:-1]), self.steps[1:])
        offsets, at = take_ranges(self.items.offsets[at], self.items.offsets[at + 1])
        return Visits(self.sessions, steps, Ragged(offsets, self.items.values[at]), self.wanted[at])

    def padded(self, sessions: Ints) -> tuple[Ints, Ints]:
        """(B, T) the steps of these sessions, the last one again after their end; and how many they are (B,)."""
        lengths = self.steps[sessions + 1] - self.steps[sessions]
        place = np.minimum(np.arange(int(lengths.max(initial=1))), lengths[:, None] - 1)
        return self.steps[sessions][:, None] + place, lengths


def _changes(values: Ints | Indices) -> Bools:
    """(N,) where a value differs from the one before it; the first always does."""
    return np.r_[True, values[1:] != values[:-1]] if len(values) else np.zeros(0, bool)


def offsets_of(group: Ints, groups: int) -> Ints:
    """(G + 1,) where each group begins among the ascending group numbers (N,)."""
    return np.searchsorted(group, np.arange(groups + 1)).astype(np.int64)
