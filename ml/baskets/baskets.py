"""Baskets of known customers as a log, so that every retriever can learn from them.

No times are known, only the order of each customer's baskets. The clock therefore counts backwards from the basket
that is asked for: a customer's latest basket lies one day before NOW, the one before it two days, and so on. A
half-life of a retriever, given in days, is a half-life in baskets here.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.data.arrays import Bools, Indices, Ints
from ml.data.dataset import Dataset, Log, requests_for
from ml.data.requests import Requests
from ml.data.vocabulary import Vocabulary
from ml.data.windows import Windows, to_micros
from ml.domains import DEFAULT_DOMAIN, Source, get_domain
from ml.retrieval.contract import TrainingData
from ml.retrieval.history import DAY

PRESENT = datetime(2000, 1, 1, tzinfo=UTC)  # any day will do: nothing but differences is ever read
NOW = to_micros(PRESENT)


@dataclass(frozen=True)
class Baskets:
    """N lines of U customers' baskets over I items, in order of customer, basket (oldest first), item; no line twice."""

    user: Indices  # (N,)
    basket: Ints  # (N,) numbered over all customers
    item: Indices  # (N,)
    users: int  # U
    items: int  # I

    @classmethod
    def of(cls, user: Ints, order: NDArray[np.generic], item: Ints, *, users: int, items: int) -> "Baskets":
        """Lines (N,) in any order, some of them perhaps twice; `order` says which basket of a customer came when."""
        rank = np.unique(order, return_inverse=True)[1]
        lines = np.unique(np.stack([user, rank, item]), axis=1)
        begins = (np.diff(lines[:2], prepend=-1) != 0).any(axis=0)
        return cls(
            lines[0].astype(np.int32), np.cumsum(begins) - 1, lines[2].astype(np.int32), users=users, items=items
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.user)

    @cached_property
    def back(self) -> Ints:
        """(N,) baskets from a line's own to the one that is asked for: 1 in the customer's latest."""
        last = np.zeros(self.users, np.int64)
        np.maximum.at(last, self.user, self._number)
        back: Ints = last[self.user] - self._number + 1
        return back

    @cached_property
    def visits(self) -> Ints:
        """(U,) baskets of each customer."""
        visits = np.zeros(self.users, np.int64)
        np.maximum.at(visits, self.user, self.back)
        return visits

    @cached_property
    def _number(self) -> Ints:
        """(N,) the baskets numbered without gaps."""
        return np.cumsum(np.diff(self.basket, prepend=self.basket[:1]) != 0) if len(self) else self.basket

    def digest(self) -> str:
        """Identifies these baskets by all their numbers."""
        found = sha256(f"{self.users} {self.items}".encode())
        for array in (self.user, self.basket, self.item):
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()

    def where(self, keep: Bools) -> "Baskets":
        """The lines that a mask keeps."""
        return replace(self, user=self.user[keep], basket=self.basket[keep], item=self.item[keep])

    def split_last(self) -> tuple["Baskets", "Baskets"]:
        """All baskets but the latest of each customer who has two, and those latest baskets."""
        last = (self.back == 1) & (self.visits[self.user] > 1)
        return self.where(~last), self.where(last)

    @cached_property
    def log(self) -> Log:
        """The same lines on the clock that counts backwards."""
        lines = len(self)
        ones, nowhere = np.ones(lines, np.float32), np.full(lines, -1, np.int32)
        return Log(
            user=self.user, item=self.item, at=NOW - self.back * DAY, session=self._number.astype(np.int32),
            place=nowhere, weight=ones, value=ones, target=np.ones(lines, bool), users=self.users, items=self.items,
        )  # fmt: skip

    def requests(self, users: Ints) -> Requests:
        """One request for the next basket of each of these customers."""
        return requests_for(self.log, users.astype(np.int32), np.full(len(users), NOW))

    def training(self, *, seed: int, threads: int) -> TrainingData:
        """What a retriever learns from: the log alone, without times, places, catalogue or validation."""
        domain, nothing = get_domain(DEFAULT_DOMAIN), Vocabulary(np.zeros(0, object))
        windows = Windows.of(PRESENT, domain.protocol)
        dataset = Dataset(
            Path(), domain, Source(name="baskets"), windows, nothing, nothing, nothing, self.log, pd.DataFrame()
        )
        return TrainingData(dataset, NOW, dataset, seed, threads)
