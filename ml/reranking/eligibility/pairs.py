"""What is judged: pairs of users and items, with all that rules may read of both."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from ml.data.arrays import Floats, Indices, Ints, Ragged, Strings
from ml.data.facts import UNKNOWN, FactTable
from ml.data.occurrences import Occurrences
from ml.data.requests import Requests
from ml.data.vocabulary import Vocabulary
from ml.errors import RunFailed


@dataclass(frozen=True)
class ItemsSeen:
    """What rules see of I items, in the order of the item vocabulary."""

    ids: Strings  # (I,)
    category: Strings  # (I,) None: not known
    facts: FactTable  # (I,) rows, or none at all

    @classmethod
    def of(cls, catalogue: pd.DataFrame, facts: FactTable) -> "ItemsSeen":
        """The items of a catalogue (`Dataset.catalogue`, `Bundle.catalogue`) and their facts."""
        category = catalogue["category"].astype(object)
        return cls(catalogue["item_id"].to_numpy(object), category.where(category.notna(), None).to_numpy(), facts)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The ids, to find items by."""
        return Vocabulary(self.ids)

    @cached_property
    def category_number(self) -> Indices:
        """(I,) a number from 0 of each item's category; items without one share one."""
        numbers: Indices = pd.factorize(self.category, use_na_sentinel=False)[0].astype(np.int32)
        return numbers

    def fact(self, name: str) -> Floats:
        """(I,) one fact; NaN where it is not known."""
        return self.facts.column(name) if name in self.facts.facts else np.full(len(self), UNKNOWN)


@dataclass(frozen=True)
class Pairs:
    """R users, each with C items; or each with the same, in which case arrays of items have one row.

    What is read of users has the shape (R, 1), what is read of items that of `item`: verdicts broadcast.
    """

    user: Indices  # (R,) -1: unknown
    moment: Ints  # (R,) microseconds since 1970 UTC
    facts: FactTable  # (R,) rows, or none at all
    held: Ragged  # (R,) items that each user has
    occurrences: Mapping[str, Occurrences]
    channel: Strings | None  # (R,) marketing channel of each request, None: none; None: none of any
    items: ItemsSeen
    item: Indices  # (R, C) or (1, C) places among `items`

    @classmethod
    def of(cls, requests: Requests, rows: slice, items: ItemsSeen, item: Indices, channel: Strings | None) -> "Pairs":
        """Some of the requests, without their histories, each with these items."""
        facts, held = requests.facts, requests.held
        count = len(requests.user[rows])
        if facts.facts:
            facts = FactTable(facts.facts, facts.values[rows], facts.categories)
        return cls(
            requests.user[rows], requests.moment[rows], facts,
            Ragged.empty(count) if held is None else held.take(np.arange(rows.start, rows.start + count)),
            requests.occurrences, None if channel is None else channel[rows], items, item,
        )  # fmt: skip

    def user_fact(self, name: str) -> Floats:
        """(R, 1) one fact of the users; NaN where it is not known."""
        known = name in self.facts.facts
        return self.facts.column(name)[:, None] if known else np.full((len(self.user), 1), UNKNOWN)

    def item_fact(self, name: str) -> Floats:
        """(R or 1, C) one fact of the items; NaN where it is not known."""
        return self.items.fact(name)[self.item]

    def last(self, event: str, of: str) -> Ints:
        """(R, C) when an event last happened to the users with the items, or with any of their `category`.

        Raises:
            RunFailed: The requests were made from data without this type of event.
        """
        if event not in self.occurrences:
            raise RunFailed(
                f"a rule reads when {event!r} last happened, which these requests were not told: make them from a "
                "data set or bundle of the domain that declares the rule, by its `told`"
            )
        group = self.items.category_number if of == "category" else None
        return self.occurrences[event].last(self.user, self.item, self.moment, group)
