"""The towers over attributes behind the retrievers' contract."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from ml.artifacts import read_json, write_json
from ml.data.arrays import Floats, Ragged
from ml.data.requests import Requests
from ml.domains.frozen import Frozen
from ml.retrieval.attribute_towers.parameters import AttributeTowersParameters
from ml.retrieval.contract import State, TrainingData

if TYPE_CHECKING:  # torch is imported where a method needs it: looking the class up must stay cheap
    from ml.retrieval.attribute_towers.serving import Catalogue, Towers

DESCRIPTION = "attribute_towers.json"
VECTORS = "vectors.npz"


@dataclass(frozen=True)
class AttributeTowers:
    """Score: the cosine of a user's vector and an item's, each from facts alone (Huang et al., CIKM 2013).

    Nobody and nothing is known by a number of its own, so a user or an item that training never saw gets the vector
    that its facts, and what the user has, give.
    """

    name: ClassVar[str] = "attribute_towers"
    Parameters: ClassVar[type[Frozen]] = AttributeTowersParameters

    parameters: AttributeTowersParameters
    towers: "Towers"
    catalogue: "Catalogue"
    curve: list[float]  # mean loss of each epoch

    @classmethod
    def fit(cls, data: TrainingData, parameters: AttributeTowersParameters) -> Self:
        """Learn from the log before t1; raises `BadInput` where there is nothing to learn from."""
        from ml.retrieval.attribute_towers.examples import examples_of
        from ml.retrieval.attribute_towers.training import train

        examples = examples_of(data.dataset)
        towers, curve = train(examples, parameters, seed=data.seed, threads=data.threads)
        return cls(parameters, towers, towers.catalogue(examples.items), curve)

    def refresh(self, state: State) -> Self:
        """The same towers with the catalogue's facts as of the state."""
        from ml.retrieval.attribute_towers.examples import item_table

        return replace(self, catalogue=self.towers.catalogue(item_table(state.dataset)))

    @property
    def inputs(self) -> tuple[str, ...]:
        """What a user has, and the facts that the encoder learned: protected ones only where no item is guarded."""
        return ("held", *self.towers.users.facts)

    @property
    def item_vectors(self) -> Floats:
        """(items, D) unit vectors."""
        return self.catalogue.vectors

    def user_vectors(self, requests: Requests) -> Floats:
        """(R, D) unit vectors of these requests."""
        held = Ragged.empty(len(requests)) if requests.held is None else requests.held
        return self.towers.user_vectors(requests.facts, held, self.catalogue)

    def score(self, requests: Requests) -> Floats:
        """(R, items) cosines; every item is a candidate, one that was never taken by its facts."""
        scores: Floats = self.user_vectors(requests) @ self.item_vectors.T
        return scores

    def save(self, folder: Path) -> None:
        """Write the weights as safetensors, the vectors as .npz and all else as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        self.towers.save(folder)
        np.savez(folder / VECTORS, vectors=self.catalogue.vectors, as_held=self.catalogue.as_held)
        write_json(folder / DESCRIPTION, {"parameters": self.parameters.model_dump(mode="json"), "curve": self.curve})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        from ml.retrieval.attribute_towers.serving import Catalogue, Towers

        described = read_json(folder / DESCRIPTION)
        parameters = AttributeTowersParameters.model_validate(described["parameters"])
        with np.load(folder / VECTORS, allow_pickle=False) as arrays:
            catalogue = Catalogue(arrays["vectors"], arrays["as_held"])
        return cls(parameters, Towers.load(folder, parameters), catalogue, described["curve"])
