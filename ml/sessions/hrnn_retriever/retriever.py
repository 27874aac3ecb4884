"""The recurrent network behind the retrievers' contract."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from ml.artifacts import read_json, write_json
from ml.data.arrays import Bools, Floats
from ml.data.requests import Requests
from ml.domains import Protocol
from ml.domains.frozen import Frozen
from ml.retrieval.classifiers.clock import Clock
from ml.retrieval.contract import State, TrainingData
from ml.sessions.hrnn_retriever.parameters import HrnnRetrieverParameters
from ml.sessions.hrnn_retriever.prior import recent_prior
from ml.sessions.hrnn_retriever.reading import Reader

if TYPE_CHECKING:  # torch is imported where a method needs it: looking the class up must stay cheap
    from ml.sessions.hrnn.network import HrnnNetwork

DESCRIPTION, KNOWN, PRIOR, WEIGHTS = "hrnn.json", "known.npy", "prior.npy", "weights.safetensors"


@dataclass(frozen=True)
class HrnnRetriever:
    """Score: the product of an item's vector and what the request asks for, plus the item's log popularity.

    After Quadrana et al., RecSys 2017; popularity is that of the instant which the model was last refreshed to.
    A request asks with the state of its current session, begun by what its user's earlier sessions left; where no
    session has begun, with the state in which the next one would. Nobody's state is kept: it is always read from the
    request's history, so that a user who came yesterday, or was held out of training, is served like any other.
    """

    name: ClassVar[str] = "hrnn"
    Parameters: ClassVar[type[Frozen]] = HrnnRetrieverParameters
    inputs: ClassVar[tuple[str, ...]] = ("moment", "history", "session")

    parameters: HrnnRetrieverParameters
    reader: Reader
    network: "HrnnNetwork"
    prior: Floats  # (V,) log popularity of the items that have a vector
    curves: dict[str, list[float]]  # one value an epoch

    @classmethod
    def fit(cls, data: TrainingData, parameters: HrnnRetrieverParameters) -> Self:
        """Learn from all sessions before t1."""
        from ml.sessions.hrnn_retriever.training import train

        log = data.dataset.log
        reader = Reader.of(
            log, minimum_count=parameters.minimum_count, sessions=parameters.sessions_read,
            steps=parameters.session_steps,
            clock=Clock(data.dataset.domain.protocol) if parameters.session == "cadence" else None,
        )  # fmt: skip
        network, curve = train(
            reader.log(log, data.as_of), len(reader.known), parameters, seed=data.seed, threads=data.threads
        )
        prior = recent_prior(log, reader.known, data.as_of, parameters.half_life_days)
        return cls(parameters, reader, network, prior, {"training_loss": curve})

    def refresh(self, state: State) -> Self:
        """The weights stay as fitted and the request brings its history; popularity is counted anew."""
        return replace(
            self, prior=recent_prior(state.dataset.log, self.reader.known, state.as_of, self.parameters.half_life_days)
        )

    @cached_property
    def vectors(self) -> Floats:
        """(V + 1, D) vectors of the items that have one, by their 1-based number."""
        from ml.sessions.hrnn_retriever.serving import all_vectors

        return all_vectors(self.network)

    @cached_property
    def directions(self) -> Floats:
        """(V + 1, D) the same at length one, as the network reads them."""
        length = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        found: Floats = self.vectors / np.maximum(length, np.float32(1e-12))
        return found

    def score(self, requests: Requests) -> Floats:
        """(R, items) logits; `-inf` for items without a vector, and where neither history nor session says anything."""
        asked, answered = self.request_vectors(requests)
        scores = np.full((len(requests), self.reader.items), -np.inf, np.float32)
        scores[:, self.reader.known] = asked @ self.vectors[1:].T + self.prior
        scores[~answered] = -np.inf
        return scores

    def request_vectors(self, requests: Requests) -> tuple[Floats, Bools]:
        """(R, D) what each request asks for, and (R,) whether it asks for anything."""
        from ml.sessions.hrnn_retriever.serving import asked_for

        visits, in_session = self.reader.requests(requests)
        answered = visits.counts > 0
        return asked_for(self.network, self.directions, visits, in_session), answered

    def save(self, folder: Path) -> None:
        """Write the weights as safetensors, the items that have a vector and their popularity as .npy and all else as JSON."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        save_file(dict(self.network.state_dict()), folder / WEIGHTS)
        np.save(folder / KNOWN, self.reader.known, allow_pickle=False)
        np.save(folder / PRIOR, self.prior, allow_pickle=False)
        read: dict[str, Any] = {"items": self.reader.items, "sets": self.reader.sets, "protocol": None}
        if (clock := self.reader.clock) is not None:
            read["protocol"] = clock.protocol.model_dump(mode="json")
        described = {"parameters": self.parameters.model_dump(mode="json"), "curves": self.curves}
        write_json(folder / DESCRIPTION, {**described, **read})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        from safetensors.torch import load_file

        from ml.sessions.hrnn.network import HrnnNetwork

        described = read_json(folder / DESCRIPTION)
        parameters = HrnnRetrieverParameters.model_validate(described["parameters"])
        known = np.load(folder / KNOWN, allow_pickle=False)
        network = HrnnNetwork(len(known), parameters.network)
        network.load_state_dict(load_file(folder / WEIGHTS))
        clock = Clock(Protocol.model_validate(described["protocol"])) if described.get("protocol") else None
        reader = Reader(
            known, described["items"], described["sets"], parameters.sessions_read, parameters.session_steps, clock
        )
        prior = np.load(folder / PRIOR, allow_pickle=False)
        return cls(parameters, reader, network.eval(), prior, described["curves"])
