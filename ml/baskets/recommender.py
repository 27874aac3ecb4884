"""The second stage: what all models find for a customer, ordered by LambdaMART over what each of them says.

The ranker learns from each customer's latest basket, answered by models that were fitted on the baskets before it;
then the models are fitted anew on all baskets. No feature has ever seen its own label. A share of the customers
stops the growing of trees.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from ml.baskets.baskets import Baskets
from ml.baskets.features import ItemFacts, build_frame
from ml.benchmark_file import RECOMMENDER, SecondStage
from ml.data.arrays import Floats, Ints, Ragged
from ml.data.requests import Requests
from ml.errors import BadInput
from ml.logs import get_logger, progress
from ml.ranking.candidates import Candidates, merge
from ml.ranking.contract import LabelledFrame
from ml.ranking.frame import Frame
from ml.ranking.lambdamart import LambdaMart, LambdaMartParameters
from ml.ranking.training import concatenate, label_candidates, sample_rows
from ml.retrieval.contract import Retriever, top_k

log = get_logger(__name__)
CHUNK = 512  # customers whose scores are held at a time: so many rows of the whole catalogue for each model


class RecommenderParameters(SecondStage):
    """How candidates are found and what the ranker learns from."""

    quota: int = Field(100, ge=1, description="Best items of each model that become candidates.")
    candidates: int = Field(200, ge=1, description="Most candidates of a customer.")
    negatives: int = Field(50, ge=1, description="Candidates not taken that a customer's basket is learned against.")
    stopping: float = Field(0.2, gt=0, lt=1, description="Share of the customers, at random, that stop the trees.")
    ranker: LambdaMartParameters = LambdaMartParameters(
        rounds=300, patience=30, learning_rate=0.08, maximum_depth=6, minimum_child_weight=10, column_sample=0.5
    )


@dataclass(frozen=True)
class Found:
    """The models of some baskets, what is known of the items from the same baskets, and the candidates they find."""

    models: Mapping[str, Retriever]
    facts: ItemFacts
    parameters: RecommenderParameters

    def described(self, requests: Requests) -> tuple[Candidates, Frame]:
        """What the models find, merged, and a row of features for each candidate."""
        said = {name: model.score(requests) for name, model in self.models.items()}
        quota = self.parameters.quota
        rankings = {name: top_k(scores, quota) for name, scores in said.items()}
        candidates = merge(rankings, dict.fromkeys(said, quota), self.parameters.candidates)
        return candidates, build_frame(requests, candidates, said, self.facts)

    def labelled(self, past: Baskets, users: Ints, taken: Ragged, random: np.random.Generator) -> LabelledFrame:
        """What is found for these customers beside what they took (a row a customer), candidates sampled.

        Raises:
            BadInput: where nothing that was taken is found.
        """
        parts = []
        for rows in progress(chunks(len(users)), "candidates", -(-len(users) // CHUNK)):
            candidates, frame = self.described(past.requests(users[rows]))
            label = label_candidates(candidates, taken.take(rows))
            keep = sample_rows(candidates, label, self.parameters.negatives, random)
            kept = Frame(frame.names, frame.values[keep], candidates.where(keep).offsets)
            parts.append(LabelledFrame(kept, label[keep]))
        whole = concatenate(parts) if parts else None
        if whole is None or not whole.label.any():
            raise BadInput(
                "history: too few customers have two baskets of which the earlier ones lead to the latest, so the "
                "recommender has nothing to learn from: hand in more customers, or a configuration without `recommender`"
            )
        return whole


@dataclass(frozen=True)
class BasketRecommender:
    """Models, and the ranker that orders what they find."""

    found: Found
    ranker: LambdaMart

    def score(self, requests: Requests) -> Floats:
        """(R, items) the ranker's scores; `-inf` for what is no candidate."""
        candidates, frame = self.found.described(requests)
        scores = np.full((len(requests), len(self.found.facts.values)), -np.inf, np.float32)
        scores[candidates.rows, candidates.item] = self.ranker.predict(frame)
        return scores


def fit_ranker(found: Found, past: Baskets, latest: Baskets, *, seed: int, threads: int) -> LambdaMart:
    """Learn to order what models of the `past` find for each basket of the `latest`.

    Raises:
        BadInput: where there are not two customers of whom something is found.
    """
    random = np.random.default_rng(seed)
    users = random.permutation(np.unique(latest.user)).astype(np.int64)
    taken = Ragged.from_pairs(latest.user.astype(np.int64), latest.item, latest.users)
    stop = max(round(found.parameters.stopping * len(users)), 1)
    parts = [np.sort(part) for part in (users[stop:], users[:stop])]
    train, validation = (found.labelled(past, part, taken.take(part), random) for part in parts)
    ranker = LambdaMart.fit(train, validation, found.parameters.ranker, seed=seed, threads=threads)
    curve = ranker.curves["validation_ndcg@10"]
    log.info("%s: %d trees, nDCG@10 %.4f of the found items", RECOMMENDER, np.argmax(curve) + 1, max(curve))
    return ranker


def chunks(rows: int) -> list[Ints]:
    """The numbers below `rows`, in parts of at most `CHUNK`."""
    return [np.arange(start, min(start + CHUNK, rows)) for start in range(0, rows, CHUNK)]
