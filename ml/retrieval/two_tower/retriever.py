"""The two-tower behind the retrievers' contract."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from ml.artifacts import read_json, write_json
from ml.data.arrays import Floats
from ml.data.requests import Requests
from ml.domains.frozen import Frozen
from ml.retrieval.contract import State, TrainingData
from ml.retrieval.two_tower.inputs import cadence_of, popularity
from ml.retrieval.two_tower.parameters import TwoTowerParameters

if TYPE_CHECKING:  # torch is imported where a method needs it: looking the class up must stay cheap
    from ml.retrieval.two_tower.forward import Forward
    from ml.retrieval.two_tower.serving import Catalogue, Towers

DESCRIPTION = "two_tower.json"
VECTORS = "vectors.npz"


@dataclass(frozen=True)
class TwoTower:
    """Score: the cosine of a request's vector and an item's (Covington et al. 2016, Yi et al. 2019).

    The item vectors hold the popularity of the instant that the model was last refreshed to.
    """

    name: ClassVar[str] = "two_tower"
    Parameters: ClassVar[type[Frozen]] = TwoTowerParameters
    inputs: ClassVar[tuple[str, ...]] = ("moment", "place", "history", "session")

    parameters: TwoTowerParameters
    towers: "Towers"
    catalogue: "Catalogue"
    curves: dict[str, list[float]]  # one value an epoch

    @classmethod
    def fit(cls, data: TrainingData, parameters: TwoTowerParameters) -> Self:
        """Learn from the log before t1, stopping by the validation recall@100 of [t2, t3)."""
        from ml.retrieval.two_tower.training import train

        towers, curves = train(data, parameters)
        now = popularity(data.dataset.log, np.array([data.as_of]), cadence_of(data.dataset))[0]
        return cls(parameters, towers, towers.catalogue(now), curves)

    def refresh(self, state: State) -> Self:
        """The same towers with the items' popularity as of the state's instant."""
        now = popularity(state.dataset.log, np.array([state.as_of]), cadence_of(state.dataset))[0]
        return replace(self, catalogue=self.towers.catalogue(now))

    @property
    def item_vectors(self) -> Floats:
        """(items, D) unit vectors."""
        return self.catalogue.vectors

    def user_vectors(self, requests: Requests) -> Floats:
        """(R, D) unit vectors of these requests."""
        return self._forward(requests)

    @cached_property
    def _forward(self) -> "Forward":
        return self.towers.forward(self.catalogue, self.parameters.history_length)

    def score(self, requests: Requests) -> Floats:
        """(R, items) cosines; every item is a candidate, one that was never taken by its content."""
        scores: Floats = self.user_vectors(requests) @ self.catalogue.columns
        return scores

    def save(self, folder: Path) -> None:
        """Write the weights as safetensors, the vectors as .npz and all else as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        self.towers.save(folder)
        np.savez(folder / VECTORS, vectors=self.catalogue.vectors, embedded=self.catalogue.embedded)
        write_json(folder / DESCRIPTION, {"parameters": self.parameters.model_dump(mode="json"), "curves": self.curves})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        from ml.retrieval.two_tower.serving import Catalogue, Towers

        described = read_json(folder / DESCRIPTION)
        parameters = TwoTowerParameters.model_validate(described["parameters"])
        with np.load(folder / VECTORS, allow_pickle=False) as arrays:
            catalogue = Catalogue(arrays["vectors"], arrays["embedded"])
        return cls(parameters, Towers.load(folder, parameters), catalogue, described["curves"])
