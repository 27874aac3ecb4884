"""Small sessions whose answers are known."""

import numpy as np

from ml.data.arrays import Ragged
from ml.sessions.hrnn import Hrnn, HrnnParameters
from ml.sessions.sessions import UNKNOWN, Queries, Sessions

SMALL = {"embedding_size": 16, "hidden_size": 16, "batch_size": 32, "epochs": 8, "learning_rate": 0.02, "dropout": 0.0}
SMALL |= {"negatives": 32}


def fit_small_hrnn(past, *, content=None, start=None, checkpoint=None, **parameters) -> Hrnn:
    more = {"content": content, "start": start, "checkpoint": checkpoint}
    return Hrnn.fit(past, HrnnParameters(**(SMALL | parameters)), seed=3, threads=1, **more)


def ragged(rows: list[list[int]]) -> Ragged:
    lengths = np.array([len(row) for row in rows])
    return Ragged(np.r_[0, np.cumsum(lengths)].astype(np.int64), np.array([i for row in rows for i in row], np.int32))


def sessions(rows: list[list[int]], items: int, *, users=None, at=None) -> Sessions:
    user = np.full(len(rows), UNKNOWN) if users is None else np.array(users)
    return Sessions(ragged(rows), np.arange(len(rows), dtype=np.float32) if at is None else np.float32(at), user, items)


def queries(rows: list[list[int]], *, at: float = 1000.0, users=None) -> Queries:
    user = np.full(len(rows), UNKNOWN) if users is None else np.array(users)
    return Queries(ragged(rows), np.full(len(rows), at, np.float32), user)


def rings(count: int, rings: int, size: int, seed: int = 0) -> Sessions:
    """Sessions that walk around one of several rings of items: the next item follows from the last one."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        ring, start, length = random.integers(rings), random.integers(size), random.integers(2, 7)
        rows.append([int(ring * size + (start + step) % size) for step in range(length)])
    return sessions(rows, rings * size)
