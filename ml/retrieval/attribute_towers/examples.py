"""What the towers learn from: users with their facts as of a moment, and the items that they then took.

Shapes: R requests, I items, N positive pairs of a request and an item, C candidates of a batch.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from ml.data.arrays import Bools, Indices, Ragged
from ml.data.dataset import Dataset, cases_in
from ml.data.facts import UNKNOWN, FactTable
from ml.data.requests import Cases
from ml.data.vocabulary import encoded
from ml.domains.facts import Fact
from ml.errors import BadInput
from ml.retrieval.two_tower.sampling import Batch

CATEGORY = "category"


@dataclass(frozen=True)
class Examples:
    """R requests of the past with what was then taken, of a catalogue of I items."""

    users: FactTable  # (R,) facts of each request's user; no facts: no rows
    held: Ragged  # (R) rows of the items that the user had
    items: FactTable  # (I,)
    positives: Ragged  # (R) rows of the items then taken
    barred: Ragged  # (R) rows of the items that a slate is not for
    period: Indices  # (R,) cadence of the moment

    def __len__(self) -> int:
        return len(self.positives)

    @property
    def repeat(self) -> Bools:
        """(N,) no positive weighs less than another."""
        return np.zeros(len(self.positives.values), bool)

    def without_barred(self, batch: Batch) -> Batch:
        """The same batch, in which a candidate that a request's slate is not for is no negative of it."""
        barred = self.barred.take(batch.requests)
        column = np.minimum(np.searchsorted(batch.candidates, barred.values), len(batch.candidates) - 1)
        hit = batch.candidates[column] == barred.values
        row, known = barred.rows[hit], column[hit]
        return replace(batch, hits=(np.r_[batch.hits[0], row], np.r_[batch.hits[1], known]))


def examples_of(dataset: Dataset) -> Examples:
    """Every request at the start of a cadence before t1 that was followed by a target event.

    Raises:
        BadInput: where there is none, or nothing that tells one item from another.
    """
    cases = [part for part in _cases(dataset) if len(part)]
    if not cases:
        raise BadInput(
            f"{dataset.path}: attribute_towers has nothing to learn from: no whole cadence before "
            f"{dataset.windows.t1:%Y-%m-%d} has one of {', '.join(dataset.domain.target_events)}. "
            "Land earlier events or choose a later as-of date."
        )
    requests = [part.requests for part in cases]
    return Examples(
        _readable(dataset, [each.facts for each in requests]),
        _joined([each.held or Ragged.empty(len(each)) for each in requests]),
        item_table(dataset),
        _joined([part.labels for part in cases]),
        _joined([each.barred or Ragged.empty(len(each)) for each in requests]),
        np.repeat(np.arange(len(cases)), [len(part) for part in cases]).astype(np.int32),
    )


def item_table(dataset: Dataset) -> FactTable:
    """The declared facts of every item, and its category where none of them is called so.

    Raises:
        BadInput: where nothing is known of any item.
    """
    known, catalogue = dataset.item_facts, dataset.catalogue
    table = known.aligned(known.facts, known.categories, len(catalogue))
    if CATEGORY not in table.facts and CATEGORY in catalogue:
        vocabulary, code = encoded(catalogue[CATEGORY])
        column = np.where(code < 0, UNKNOWN, code).astype(np.float32)
        facts = {**table.facts, CATEGORY: Fact(kind="category", description="Category of the item.")}
        categories = {**table.categories, CATEGORY: vocabulary.ids}
        table = FactTable(facts, np.column_stack([table.values, column]), categories)
    if np.isnan(table.values).all():
        raise BadInput(
            f"{dataset.path}: attribute_towers cannot tell items apart: no item has a fact or a category. "
            "Declare item_facts in the domain, land categories, or train another retriever."
        )
    return table


def _cases(dataset: Dataset) -> list[Cases]:
    if not len(dataset.log):
        return []
    first = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(dataset.log.at.min()))
    return cases_in(dataset, first, dataset.windows.t1)


def _readable(dataset: Dataset, tables: list[FactTable]) -> FactTable:
    """The facts that models may read, of all requests; protected ones are left out where any item is guarded."""
    allowed = dataset.domain.facts_of_models(guarded=bool(dataset.domain.guarded_categories))
    parts = [table.select(tuple(name for name in allowed if name in table.facts)) for table in tables]
    return FactTable(parts[0].facts, np.concatenate([part.values for part in parts]), parts[0].categories)


def _joined(parts: list[Ragged]) -> Ragged:
    offsets = np.r_[0, np.cumsum(np.concatenate([part.lengths for part in parts]))].astype(np.int64)
    return Ragged(offsets, np.concatenate([part.values for part in parts]))
