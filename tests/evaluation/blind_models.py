"""Proof that a fitted recommender scores guarded items without protected facts: by what it says, and by what it does."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ml.data.dataset import Dataset
from ml.data.facts import FactTable
from ml.data.requests import Requests
from ml.evaluation.fairness.inputs import inputs_by_model, protected_inputs
from ml.evaluation.fairness.treatment import guarded_items
from ml.features.store import Snapshot
from ml.ranking.recommender import Recommender


def assert_blind(recommender: Recommender, requests: Requests, snapshot: Snapshot, dataset: Dataset) -> None:
    """Fail where a model that scores guarded items reads a protected fact, or scores them otherwise for another value.

    Args:
        recommender: Fitted, as of the requests' moment.
        requests: With the facts of their users.
        snapshot: The features as of that moment.
        dataset: Its domain says what is protected and what is guarded.
    """
    domain, items = dataset.domain, guarded_items(dataset)
    assert domain.protected_facts, "nothing is protected: there is nothing to prove"
    assert len(items), "no item is guarded: there is nothing to prove"
    read = inputs_by_model(recommender, items)
    declared = protected_inputs(read, domain)
    assert not declared, f"these models score guarded items by protected facts: {declared}"
    before = scores(recommender, requests, snapshot, items)
    for name in domain.protected_facts:
        for changed in with_other_values(requests, name):
            after = scores(recommender, changed, snapshot, items)
            for model in before:
                np.testing.assert_array_equal(after[model], before[model], err_msg=f"{model} reads {name}")


def scores(
    recommender: Recommender, requests: Requests, snapshot: Snapshot, items: np.ndarray
) -> dict[str, np.ndarray]:
    """(R, G) of each retriever, and of the whole recommender: -inf for what it does not rank."""
    found = {name: model.score(requests)[:, items] for name, model in recommender.retrievers.items()}
    ranked = recommender.recommend(requests, snapshot, recommender.maximum, exclude=requests.barred)
    whole = np.full((len(requests), len(items)), -np.inf, np.float32)
    for column, item in enumerate(items):
        row, rank = np.nonzero(ranked.item == item)
        whole[row, column] = ranked.score[row, rank]
    return found | {"the recommender": whole}


def with_other_values(requests: Requests, name: str) -> Iterator[Requests]:
    """The same requests with a fact not known, turned round, and shuffled among them."""
    column = requests.facts.column(name)
    known = column[~np.isnan(column)]
    ends = (known.min(), known.max()) if len(known) else (0, 0)
    for values in (np.full_like(column, np.nan), ends[0] + ends[1] - column, np.roll(column, 1)):
        yield replace(requests, facts=_with_column(requests.facts, name, values))


def _with_column(table: FactTable, name: str, values: np.ndarray) -> FactTable:
    changed = table.values.copy()
    changed[:, list(table.facts).index(name)] = values
    return FactTable(table.facts, changed, table.categories)
