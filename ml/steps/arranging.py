"""What would be shown: slates by the rules and the re-ranking that a domain declares, without a sealed bundle."""

from typing import Any

import pandas as pd

from ml.bundle.policy import Asking, policy_of
from ml.bundle.seal import indexed_retriever
from ml.data.arrays import Floats, Indices, Ints
from ml.data.dataset import Dataset
from ml.data.requests import Requests
from ml.evaluation.fairness.treatment import Arrange
from ml.ranking.recommender import Recommender, Slates


def arranging(dataset: Dataset, shelf: pd.DataFrame, recommender: Recommender, moment: int) -> Arrange:
    """What makes slates of whole rankings at an instant, as a bundle sealed then would.

    Args:
        dataset: With the knowledge that re-ranking reads, fed where its source lacks some (`ml.data.feeds.supplied`).
        shelf: Margin, stock and launches of the items, one row each.
        recommender: As of the instant.
        moment: Microseconds; of what happened, the re-ranking knows what was before it.
    """

    def vectors() -> Floats | None:
        model: Any = recommender.retrievers.get(indexed_retriever(recommender) or "")
        return None if model is None else model.item_vectors

    domain = dataset.domain
    policy = policy_of(
        domain.eligibility, domain.reranking, dataset.catalogue, shelf, dataset.item_facts,
        dataset.knowledge.before(moment), vectors,
    )  # fmt: skip

    def arrange(requests: Requests, ranked: Slates, k: int) -> Indices:
        def best(rows: Ints | None, depth: int) -> Slates:
            chosen = slice(None) if rows is None else rows
            return Slates(
                ranked.item[chosen, :depth], ranked.score[chosen, :depth], ranked.sources[chosen, :depth]
            )  # fmt: skip

        return policy.arranged(best, ranked.item.shape[1], requests, k, requests.barred, Asking()).reranked.item

    return arrange
