"""Basket completion: half of a basket hidden at random, to be found from the other half."""

from dataclasses import replace

import numpy as np

from ml.data.arrays import Bools, Ints, Ragged, is_among
from ml.data.dataset import Log, requests_for
from ml.data.requests import Cases, History

COMPLETIONS = 500  # baskets a cadence: enough for narrow intervals, few enough to rank


def completion_cases(log: Log, start: int, stop: int, *, seed: int, maximum: int = COMPLETIONS) -> Cases:
    """One case a user who filled a basket in [start, stop): the half of its distinct items that was hidden.

    A basket is a session that begins in the window and has at least two distinct target items; one is drawn for each
    user, and `maximum` of the users. Of n items, n // 2 are hidden. The request is made one microsecond after the
    last item of the known half: it sees the user's events before the basket, and that half.
    """
    rng = np.random.default_rng([seed, start % 2**32])
    begin = np.full(int(log.session.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(begin, log.session, log.at)
    line = _lines(log, begin, start, stop)
    line = line[is_among(log.session[line], _drawn(log, line, rng, maximum))]
    baskets, row = np.unique(log.session[line], return_inverse=True)
    hidden = _half(row, rng)
    known, user = line[~hidden], np.zeros(len(baskets), np.int32)
    user[row] = log.user[line]
    session = Ragged.from_pairs(row[~hidden], log.item[known], len(baskets))
    moment = np.zeros(len(baskets), np.int64)
    np.maximum.at(moment, row[~hidden], log.at[known] + 1)
    earlier = requests_for(log, user, begin[baskets])
    place = log.place[known[session.offsets[:-1]]] if len(baskets) else earlier.place
    history = _extended(earlier.history, log, known, row[~hidden])
    requests = replace(earlier, moment=moment, place=place, history=history, session=session)
    labels = Ragged.from_pairs(row[hidden], log.item[line[hidden]], len(baskets))
    return Cases(requests, labels, user.astype(np.int64))


def _lines(log: Log, begin: Ints, start: int, stop: int) -> Ints:
    """Positions of the first event of each target item of each basket that begins in the window, by basket."""
    session_begins = begin[log.session]
    at = np.flatnonzero(log.target & (session_begins >= start) & (session_begins < stop) & (log.at < stop))
    at = at[np.argsort(log.session[at], kind="stable")]
    _, first = np.unique(log.session[at].astype(np.int64) * log.items + log.item[at], return_index=True)
    lines: Ints = at[np.sort(first)]
    return lines


def _drawn(log: Log, line: Ints, rng: np.random.Generator, maximum: int) -> Ints:
    """The numbers of the baskets that are asked: one a user, with two items at least."""
    basket, size = np.unique(log.session[line], return_counts=True)
    owner = np.zeros(len(basket), np.int64)
    owner[np.searchsorted(basket, log.session[line])] = log.user[line]
    shuffled = rng.permutation(np.flatnonzero(size >= 2))
    _, one = np.unique(owner[shuffled], return_index=True)
    chosen: Ints = basket[shuffled[np.sort(one)][:maximum]].astype(np.int64)
    return chosen


def _half(row: Ints, rng: np.random.Generator) -> Bools:
    """(N,) a mask of n // 2 random lines of each basket of n lines; `row` (N,) is sorted."""
    order = np.lexsort((rng.random(len(row)), row))
    size = np.bincount(row)
    place = np.empty(len(row), np.int64)
    place[order] = np.arange(len(row)) - np.searchsorted(row, row)
    hidden: Bools = place < size[row] // 2
    return hidden


def _extended(history: History, log: Log, line: Ints, row: Ints) -> History:
    """The histories with these events of the log at their ends."""
    order = np.argsort(np.r_[history.rows, row], kind="stable")
    offsets = np.zeros(len(history) + 1, np.int64)
    np.cumsum(np.diff(history.offsets) + np.bincount(row, minlength=len(history)), out=offsets[1:])
    return History(
        offsets,
        np.r_[history.item, log.item[line]][order],
        np.r_[history.at, log.at[line]][order],
        np.r_[history.session, log.session[line]][order],
        np.r_[history.weight, log.weight[line]][order],
    )
