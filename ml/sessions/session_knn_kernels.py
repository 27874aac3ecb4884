"""Compiled session-kNN: neighbours from an inverted index, their items summed into one dense buffer a thread.

Shapes: S sessions, N their clicks, P distinct pairs of a session and an item, I items, C queries, K ranks.
"""

from typing import NamedTuple

import numpy as np

from ml.data.arrays import Floats, Indices, Ints
from ml.sessions.kernels import clear, jit, take_best

LEAST = np.float32(1e-30)  # a similarity of zero stands for "not found", so none may become zero


class Index(NamedTuple):
    """S sessions, oldest first, and for each item the sessions that hold it, oldest first."""

    posting_start: Ints  # (I + 1,)
    posting_session: Indices  # (P,)
    posting_place: Indices  # (P,) the item's last place in that session
    session_start: Ints  # (S + 1,)
    session_item: Indices  # (N,)
    session_at: Floats  # (S,)


class Tables(NamedTuple):
    """What things weigh; the first four are by number of steps."""

    position: Floats
    match: Floats
    ahead: Floats
    behind: Floats
    query_idf: Floats  # (I,)
    item_idf: Floats  # (I,)
    length: Floats  # (S,)
    rate: np.float32  # of the exponential decay with age
    neighbours: int
    sample: int  # 0: no bound


class Buffers(NamedTuple):
    """What one thread works in."""

    similar: Floats  # (S,) zeros between queries
    step: Indices  # (S,) steps back to the latest shared item
    place: Indices  # (S,) place of that item in the session
    found: Indices  # (S,)
    item: Floats  # (I,) zeros between queries
    touched: Indices  # (I,)


@jit
def make_buffers(sessions: int, items: int) -> Buffers:
    """Buffers between queries."""
    return Buffers(
        np.zeros(sessions, np.float32), np.empty(sessions, np.int32), np.empty(sessions, np.int32),
        np.empty(sessions, np.int32), np.zeros(items, np.float32), np.empty(items, np.int32),
    )  # fmt: skip


@jit
def gather_sessions(query: Indices, index: Index, tables: Tables, work: Buffers) -> int:
    """Sum the weights of shared items over the sessions that hold them; returns how many sessions were found."""
    count, last = 0, len(query) - 1
    for back in range(len(query)):
        item = query[last - back]
        repeated = False
        for later in range(back):
            repeated = repeated or query[last - later] == item
        weight = tables.position[min(back, len(tables.position) - 1)] * tables.query_idf[item]
        if repeated or weight <= 0:
            continue
        for at in range(index.posting_start[item], index.posting_start[item + 1]):
            session = index.posting_session[at]
            if work.similar[session] == 0:
                work.found[count] = session
                count += 1
                work.step[session], work.place[session] = back, index.posting_place[at]
            work.similar[session] += weight
    return count


@jit
def keep_latest(count: int, sample: int, work: Buffers) -> int:
    """Forget all but the latest `sample` of the found sessions; returns how many are left."""
    if sample == 0 or count <= sample:
        return count
    bound = np.partition(work.found[:count], count - sample)[count - sample]
    kept = 0
    for at in range(count):
        session = work.found[at]
        if session >= bound:
            work.found[kept] = session
            kept += 1
        else:
            work.similar[session] = 0
    return kept


@jit
def keep_nearest(count: int, neighbours: int, work: Buffers) -> int:
    """Forget all but the most similar sessions, of equally similar ones the older; returns how many are left."""
    if count <= neighbours:
        return count
    order = np.sort(work.found[:count])[::-1]
    value = np.empty(count, np.float32)
    for at in range(count):
        value[at] = work.similar[order[at]]
    bound = np.partition(value, count - neighbours)[count - neighbours]
    ties = neighbours - np.sum(value > bound)
    kept = 0
    for at in range(count):
        if value[at] > bound or (value[at] == bound and ties > 0):
            ties -= value[at] == bound
            work.found[kept] = order[at]
            kept += 1
        else:
            work.similar[order[at]] = 0
    return kept


@jit
def add_items(count: int, index: Index, tables: Tables, work: Buffers) -> int:
    """Sum what the neighbours took; returns how many items were touched."""
    items = 0
    for n in range(count):
        session = work.found[n]
        strength = work.similar[session] * tables.match[min(work.step[session], len(tables.match) - 1)]
        start = index.session_start[session]
        for at in range(start, index.session_start[session + 1]):
            steps, item = at - start - work.place[session], index.session_item[at]
            table = tables.ahead if steps > 0 else tables.behind
            added = strength * table[min(abs(steps), len(table) - 1)] * tables.item_idf[item]
            if added > 0:
                if work.item[item] == 0:
                    work.touched[items] = item
                    items += 1
                work.item[item] += added
    return items


@jit
def fill(query: Indices, at: float, index: Index, tables: Tables, work: Buffers) -> int:
    """Score one query into the item buffer; returns how many items were touched."""
    count = keep_latest(gather_sessions(query, index, tables, work), tables.sample, work)
    for n in range(count):
        session = work.found[n]
        decay = np.exp(-tables.rate * max(at - index.session_at[session], np.float32(0)))
        work.similar[session] = max(work.similar[session] * tables.length[session] * np.float32(decay), LEAST)
    count = keep_nearest(count, tables.neighbours, work)
    items: int = add_items(count, index, tables, work)
    for n in range(count):
        work.similar[work.found[n]] = 0
    return items


@jit
def rank(
    offsets: Ints, values: Indices, at: Floats, index: Index, tables: Tables, item: Indices, score: Floats
) -> None:
    """Write the best K items of each query to `item` and `score` (C, K)."""
    work = make_buffers(len(index.session_start) - 1, len(index.posting_start) - 1)
    for row in range(len(offsets) - 1):
        count = fill(values[offsets[row] : offsets[row + 1]], at[row], index, tables, work)
        take_best(work.item, work.touched, count, item[row], score[row])
        clear(work.item, work.touched, count)


@jit
def score(
    offsets: Ints, values: Indices, at: Floats, index: Index, tables: Tables, start: Ints, candidate: Indices,
    result: Floats,
) -> None:  # fmt: skip
    """Write the score of each candidate of each query (rows from `start` (C + 1,)) to `result` (N,)."""
    work = make_buffers(len(index.session_start) - 1, len(index.posting_start) - 1)
    for row in range(len(offsets) - 1):
        count = fill(values[offsets[row] : offsets[row + 1]], at[row], index, tables, work)
        for place in range(start[row], start[row + 1]):
            result[place] = work.item[candidate[place]]
        clear(work.item, work.touched, count)
