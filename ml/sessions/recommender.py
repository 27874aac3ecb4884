"""The second stage: what all session models find, ordered by LambdaMART over what each of them says.

The ranker learns from the latest sessions, answered by models that were fitted on the sessions before them; then
the models are fitted anew on all sessions. Within the latest sessions the last ones stop the growing of trees.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from ml.benchmark_file import RECOMMENDER, SecondStage
from ml.data.arrays import Ints
from ml.errors import BadInput
from ml.logs import get_logger, progress
from ml.ranking.candidates import Candidates, merge
from ml.ranking.contract import LabelledFrame
from ml.ranking.lambdamart import LambdaMart, LambdaMartParameters
from ml.retrieval.contract import Ranking
from ml.sessions.contract import SessionModel
from ml.sessions.features import ItemFacts, build_frame, labels
from ml.sessions.sessions import Cases, Queries, Sessions, next_click_cases

log = get_logger(__name__)
CHUNK = 2048  # queries whose candidates are described at a time


class RecommenderParameters(SecondStage):
    """How candidates are found and what the ranker learns from."""

    tail: float = Field(0.08, gt=0, lt=1, description="Share of the sessions, the latest, that the ranker learns from.")
    least: int = Field(300, ge=1, description="Sessions that it learns from at least, up to a third of all.")
    stopping: float = Field(0.25, gt=0, lt=1, description="Share of those, the latest, that stop the trees.")
    cases: int = Field(20_000, ge=1, description="Most next clicks that the ranker learns from, drawn at random.")
    quota: int = Field(100, ge=1, description="Best items of each model that become candidates.")
    candidates: int = Field(120, ge=1, description="Most candidates of a query.")
    half_lives: tuple[float, ...] = Field(
        (0.01, 0.05, 0.25), description="Of late popularity, as shares of the time that the sessions span."
    )
    ranker: LambdaMartParameters = LambdaMartParameters(
        rounds=300, patience=30, learning_rate=0.1, maximum_depth=6, column_sample=0.7
    )

    def split(self, sessions: Sessions) -> tuple[Sessions, Sessions]:
        """The sessions that the models are fitted on, and the later ones that the ranker learns from."""
        return sessions.split(max(self.tail, min(self.least / len(sessions), 1 / 3)))


@dataclass(frozen=True)
class Found:
    """The models of one stretch of past sessions, and the candidates that they find."""

    models: Mapping[str, SessionModel]
    facts: ItemFacts
    until: float  # the last session's `at`
    parameters: RecommenderParameters

    @classmethod
    def of(cls, models: Mapping[str, SessionModel], sessions: Sessions, parameters: RecommenderParameters) -> "Found":
        """Around models that were fitted on these sessions."""
        return cls(models, ItemFacts.of(sessions, parameters.half_lives), float(sessions.at.max(initial=0)), parameters)

    def candidates(self, queries: Queries) -> Candidates:
        """What the sources find, merged."""
        names = self.parameters.sources or tuple(self.models)
        rankings = {name: self.models[name].rank(queries, self.parameters.quota) for name in names}
        return merge(rankings, dict.fromkeys(names, self.parameters.quota), self.parameters.candidates)

    def settled(self, queries: Queries) -> Queries:
        """The queries as of the end of the past: a later moment scales all scores alike, and must not here."""
        return Queries(queries.prefix, np.minimum(queries.at, np.float32(self.until)), queries.user)

    def labelled(self, cases: Cases) -> LabelledFrame:
        """The candidates of those cases whose target is among them, described."""
        queries = self.settled(cases.queries)
        candidates = self.candidates(queries)
        hit = np.bincount(candidates.rows, labels(candidates, cases.target), len(cases)) > 0
        rows = np.flatnonzero(hit)
        if not len(rows):
            raise BadInput("the models find no target of the latest sessions: hand in more sessions, or a larger quota")
        kept = candidates.where(hit[candidates.rows])
        counts = np.diff(candidates.offsets)[rows]
        kept = Candidates(kept.names, np.r_[0, np.cumsum(counts)], kept.item, kept.score, kept.rank)
        frame = build_frame(queries.take(rows), kept, self.models, self.facts)
        return LabelledFrame(frame, labels(kept, cases.target[rows]).astype(np.float32))


@dataclass(frozen=True)
class SessionRecommender:
    """Models, and the ranker that orders what they find."""

    found: Found
    ranker: LambdaMart

    def rank(self, queries: Queries, k: int) -> Ranking:
        """The best K items of each query by the ranker; fewer where the models find fewer."""
        item, score = np.full((len(queries), k), -1, np.int32), np.full((len(queries), k), -np.inf, np.float32)
        for rows in _chunks(len(queries), RECOMMENDER):
            part = self.found.settled(queries.take(rows))
            candidates = self.found.candidates(part)
            predicted = self.ranker.predict(build_frame(part, candidates, self.found.models, self.found.facts))
            order = np.lexsort((candidates.item, -predicted, candidates.rows))
            place = np.arange(len(order)) - candidates.offsets[candidates.rows]
            kept = place < k
            row = rows[candidates.rows[kept]]
            item[row, place[kept]], score[row, place[kept]] = candidates.item[order[kept]], predicted[order[kept]]
        return Ranking(item, score)


def fit_ranker(found: Found, tail: Sessions, *, longest: int, seed: int, threads: int) -> LambdaMart:
    """Learn to order what models of earlier sessions find for each next click of the `tail`.

    Raises:
        BadInput: where the tail has no next click whose target is found.
    """
    parameters = found.parameters
    cases = next_click_cases(tail, longest)
    stops = cases.session >= len(tail) * (1 - parameters.stopping)
    if stops.all() or not stops.any():
        raise BadInput(
            f"the latest {len(tail)} sessions are too few for the second stage to learn from: "
            "hand in more sessions, or set a larger recommender.tail"
        )
    random = np.random.default_rng(seed)
    parts = []
    for rows, share in (
        (np.flatnonzero(~stops), 1 - parameters.stopping),
        (np.flatnonzero(stops), parameters.stopping),
    ):
        most = min(len(rows), max(round(parameters.cases * share), 1))
        parts.append(found.labelled(cases.take(np.sort(random.choice(rows, most, replace=False)))))
    ranker = LambdaMart.fit(parts[0], parts[1], parameters.ranker, seed=seed, threads=threads)
    curve = ranker.curves["validation_ndcg@10"]
    log.info("%s: %d trees, nDCG@10 %.4f of the found targets", RECOMMENDER, np.argmax(curve) + 1, max(curve))
    return ranker


def _chunks(rows: int, description: str) -> Iterator[Ints]:
    parts = [np.arange(start, min(start + CHUNK, rows)) for start in range(0, rows, CHUNK)]
    yield from progress(parts, description, len(parts))
