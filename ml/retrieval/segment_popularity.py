"""What people of the same segment took in the last cadences: counts by segment, shrunk to those of everybody."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from pydantic import Field

from ml.artifacts import read_json, write_json
from ml.data.arrays import Floats, Ints, Strings
from ml.data.dataset import Dataset
from ml.data.facts import FactTable
from ml.data.requests import Requests
from ml.data.windows import from_micros, later, to_micros
from ml.domains import Domain
from ml.domains.facts import Fact
from ml.domains.frozen import Frozen
from ml.errors import BadInput
from ml.retrieval.contract import State, TrainingData

MODEL, ARRAYS = "model.json", "counts.npz"


class SegmentPopularityParameters(Frozen):
    """What a segment is, and how takes are counted."""

    facts: tuple[str, ...] = Field((), description="Facts of users that tell segments apart; none: one segment.")
    bands: int = Field(4, ge=1, description="Bands of about the same number of users that a number is cut into.")
    cadences: int = Field(1, ge=1, description="Last cadences whose takes count.")
    smoothing: float = Field(
        50.0, gt=0, description="Takes at which a segment's own shares and those of everybody count the same."
    )


@dataclass(frozen=True)
class SegmentPopularity:
    """Score: share of the last cadences' takes in the user's segment that fell on the item, shrunk to everybody's.

    Who has no facts is scored by everybody's shares. An item that nobody took lately has the least of all shares.
    """

    name: ClassVar[str] = "segment_popularity"
    Parameters: ClassVar[type[Frozen]] = SegmentPopularityParameters

    parameters: SegmentPopularityParameters
    facts: dict[str, Fact]
    categories: dict[str, Strings]
    edges: Floats  # (facts, bands - 1) upper bounds of the bands of each number
    known: Ints  # (S,) the segments that took anything, ascending
    shares: Floats  # (S + 1, items) the last row is everybody's

    @classmethod
    def fit(cls, data: TrainingData, parameters: SegmentPopularityParameters) -> Self:
        """Cut the bands and count up to t1.

        Raises:
            BadInput: A fact is not declared, or no model may read it.
        """
        dataset = data.dataset
        facts = _chosen(dataset.domain, parameters.facts)
        known = dataset.knowledge.facts.at(*_everybody(dataset, data.as_of))
        texts = {name: known.categories[name] for name in facts if name in known.categories}
        table = known.aligned(facts, texts, dataset.log.users)
        steps = np.linspace(0, 1, parameters.bands + 1)[1:-1]
        edges = np.full((len(facts), len(steps)), np.inf, np.float32)
        for place in range(len(facts)):
            column = table.values[:, place]
            if (there := column[~np.isnan(column)]).size:
                edges[place] = np.quantile(there, steps)
        empty = np.zeros(0, np.int64), np.zeros((1, dataset.log.items), np.float32)
        return cls(parameters, facts, texts, edges, *empty)._counted(dataset, data.as_of)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The facts that part users into segments."""
        return tuple(self.facts)

    def refresh(self, state: State) -> Self:
        """Count anew, as of the state's instant."""
        return self._counted(state.dataset, state.as_of)

    def score(self, requests: Requests) -> Floats:
        """(R, items) shares."""
        segment = self._segments(requests.facts, len(requests))
        row = np.searchsorted(self.known, segment)
        found = np.isin(segment, self.known)
        scores: Floats = self.shares[np.where(found, row, len(self.known))]
        return scores

    def _counted(self, dataset: Dataset, as_of: int) -> Self:
        log, parameters = dataset.log, self.parameters
        begin = to_micros(later(from_micros(as_of), -parameters.cadences, dataset.domain.protocol))
        lately = np.flatnonzero(log.target & (log.at >= begin) & (log.at < as_of))
        table = dataset.knowledge.facts.at(*_everybody(dataset, as_of))
        segment = self._segments(table, log.users)[log.user[lately]]
        known, row = np.unique(segment, return_inverse=True)
        counts = np.bincount(row * log.items + log.item[lately], minlength=len(known) * log.items)
        counts = counts.reshape(len(known), log.items)
        overall = counts.sum(axis=0) / max(counts.sum(), 1)
        own = counts + parameters.smoothing * overall
        shares = own / np.maximum(own.sum(axis=1, keepdims=True), 1e-12)
        return replace(self, known=known, shares=np.vstack([shares, overall]).astype(np.float32))

    def _segments(self, table: FactTable, rows: int) -> Ints:
        """(rows,) a number for each combination of texts and bands; what is not known is a text and a band too."""
        values = table.aligned(self.facts, self.categories, rows).values
        number = np.zeros(rows, np.int64)
        for place, name in enumerate(self.facts):
            column = values[:, place]
            texts = self.categories.get(name)
            code = column if texts is not None else np.searchsorted(self.edges[place], column, side="right")
            width = (len(texts) if texts is not None else self.parameters.bands) + 1
            number = number * width + np.where(np.isnan(column), width - 1, code).astype(np.int64)
        return number

    def save(self, folder: Path) -> None:
        """Write counts as .npz and the rest as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        facts = {name: fact.model_dump(mode="json") for name, fact in self.facts.items()}
        texts = {name: list(known) for name, known in self.categories.items()}
        parameters = self.parameters.model_dump(mode="json")
        write_json(folder / MODEL, {"parameters": parameters, "facts": facts, "categories": texts})
        np.savez(folder / ARRAYS, edges=self.edges, known=self.known, shares=self.shares)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        described = read_json(folder / MODEL)
        facts = {name: Fact.model_validate(fact) for name, fact in described["facts"].items()}
        texts = {name: np.array(known, object) for name, known in described["categories"].items()}
        parameters = SegmentPopularityParameters.model_validate(described["parameters"])
        with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
            return cls(parameters, facts, texts, arrays["edges"], arrays["known"], arrays["shares"])


def _chosen(domain: Domain, names: tuple[str, ...]) -> dict[str, Fact]:
    """The declarations of the facts that tell segments apart; all items are scored by them, guarded ones too."""
    readable = domain.facts_of_models(guarded=bool(domain.guarded_categories))
    if refused := sorted(set(names) - set(readable)):
        raise BadInput(
            f"segments cannot be told apart by {', '.join(refused)}: models of {domain.name} may read "
            f"{', '.join(readable) or 'no fact'}"
        )
    return {name: domain.user_facts[name] for name in names}


def _everybody(dataset: Dataset, moment: int) -> tuple[np.ndarray, Ints]:
    users = dataset.log.users
    return np.arange(users, dtype=np.int32), np.full(users, moment, np.int64)
