"""Known users made new again: their history cut to the latest few sessions, their number forgotten."""

from dataclasses import replace

import numpy as np

from ml.data.arrays import Ints
from ml.data.requests import History, Requests


def as_new_users(requests: Requests, sessions: int) -> Requests:
    """The requests as unknown users would make them whose history is the latest `sessions` sessions.

    Whoever has no session left has no known place either. What a form says of a person stays known, and what they have.
    """
    history = requests.history
    kept = np.flatnonzero(sessions_after(history) < sessions)
    offsets = np.searchsorted(kept, history.offsets).astype(np.int64)
    short = history.pick(offsets, kept)
    place = np.where(np.diff(offsets) > 0, requests.place, -1).astype(np.int32)
    return replace(requests, user=np.full(len(requests), -1, np.int32), place=place, history=short)


def sessions_after(history: History) -> Ints:
    """(N,) how many of the request's sessions have their last event after that of the event's own; 0: the latest."""
    owner, last, which = _sessions(history)
    order = np.lexsort((-last, owner))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order)) - np.searchsorted(owner, owner)
    return place[which]


def session_counts(history: History) -> Ints:
    """(R,) distinct sessions in each history."""
    owner, _, _ = _sessions(history)
    return np.bincount(owner, minlength=len(history))


def _sessions(history: History) -> tuple[Ints, Ints, Ints]:
    """Each distinct session's request (S,), sorted, and last event (S,), and the session of each event (N,)."""
    width = int(history.session.max(initial=0)) + 1
    pairs, which = np.unique(history.rows * width + history.session, return_inverse=True)
    last = np.zeros(len(pairs), np.int64)
    np.maximum.at(last, which, np.arange(len(which)))
    return pairs // width, last, which
