"""How likely users are to ask for items early: the part of a contact list that can be exchanged."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from ml.campaigns.interest import Outlook, early_rows
from ml.data.arrays import Floats
from ml.data.dataset import Dataset
from ml.data.requests import Requests
from ml.data.visibility import EVERYTHING, Visibility
from ml.retrieval.classifiers.parameters import ClassifiersParameters
from ml.retrieval.classifiers.retriever import Classifiers


class Propensity(Protocol):
    """Says who is likely to ask."""

    def score(self, requests: Requests) -> Floats:
        """(R, items) higher is likelier."""


def fit_classifiers(
    dataset: Dataset, outlooks: Sequence[Outlook], *, seed: int, threads: int, visible: Visibility = EVERYTHING
) -> Classifiers:
    """A classifier an item whose label is an early asking (see `ml.campaigns.interest`), by the usual parameters.

    Args:
        dataset: Ends where the last outlook does; all that is known of users.
        outlooks: What to learn from.
        seed: Of the sample of users who asked for nothing, and of the trees.
        threads: How many the trees may use.
        visible: What of users the trees see.
    """
    parameters = ClassifiersParameters()
    rows = early_rows(dataset, outlooks, parameters.quiet_share, seed)
    seen = replace(rows, requests=visible.requests(rows.requests))
    return Classifiers.learned(seen, dataset.limited(visible), parameters, seed=seed, threads=threads)
