"""The recurrent network behind the session models' contract."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from ml.artifacts import read_json, write_json
from ml.data.arrays import Floats, Ints, Ragged
from ml.domains.frozen import Frozen
from ml.retrieval.contract import Ranking
from ml.sessions.hrnn.course import NOTHING, Spent
from ml.sessions.hrnn.parameters import HrnnParameters
from ml.sessions.sessions import UNKNOWN, Queries, Sessions

if TYPE_CHECKING:  # torch is imported where a method needs it: looking the class up must stay cheap
    from torch import Tensor

    from ml.sessions.hrnn.network import HrnnNetwork

BATCH = 256  # queries answered at a time


@dataclass(frozen=True)
class Hrnn:
    """Score: how near an item's vector is to what the session's state, begun by the user's, asks for.

    A query of somebody unknown, or of nobody, is answered from the session alone.
    """

    name: ClassVar[str] = "hrnn"
    Parameters: ClassVar[type[Frozen]] = HrnnParameters

    parameters: HrnnParameters
    network: "HrnnNetwork"
    user_states: Floats  # (U, H) of each user after all sessions that were learned from
    known: Floats  # (U, 1)
    curve: list[float]  # mean loss of each epoch
    earlier: Spent = NOTHING  # on epochs before a kill, by a process that this one went on from

    @classmethod
    def fit(
        cls, sessions: Sessions, parameters: HrnnParameters, *, seed: int, threads: int,
        content: Floats | None = None, start: "Hrnn | None" = None, checkpoint: Path | None = None,
    ) -> Self:  # fmt: skip
        """Learn from past sessions.

        Args:
            sessions: S of them.
            parameters: Where a model to start from is handed in, its sizes must be the same.
            seed: Of everything drawn at random.
            threads: That torch may use.
            content: (I, F) features of the items; `score` then knows items that nobody clicked, too.
            start: A model `over` the same catalogue whose weights are the first ones.
            checkpoint: File that holds the state after the last epoch; a training that was killed goes on from it.

        Raises:
            BadInput: where a feature is not a finite number, or the checkpoint is of another training.
        """
        from ml.sessions.hrnn.serving import states_of_users
        from ml.sessions.hrnn.training import train

        network, curve, earlier = train(
            sessions, parameters, seed=seed, threads=threads,
            content=content, start=None if start is None else start.network, checkpoint=checkpoint,
        )  # fmt: skip
        states, known = states_of_users(network, sessions)
        return cls(parameters, network, states, known, curve, earlier)

    def over(self, before: Ints, content: Floats | None = None, *, seed: int = 0) -> Self:
        """The same model over a new catalogue: nothing that was learned is lost, and new items have a place.

        Args:
            before: (I,) each item's number in this model's catalogue; UNKNOWN: a new item.
            content: (I, F) features of the items now, where the model was learned with features.
            seed: Of the vectors of new items without features.
        """
        from ml.sessions.hrnn.warm_start import carried

        return replace(self, network=carried(self.network, before, content, seed=seed))

    def rank(self, queries: Queries, k: int) -> Ranking:
        """The best K items of each query; none for an empty prefix."""
        from ml.sessions.hrnn.serving import best

        k = min(k, self.network.items)
        item, score = np.full((len(queries), k), -1, np.int32), np.full((len(queries), k), -np.inf, np.float32)
        for rows, wanted in self._wanted(queries):
            item[rows], score[rows] = best(self._catalogue, self.network.scale, wanted, k)
        return Ranking(item, score)

    def score(self, queries: Queries, candidates: Ragged) -> Floats:
        """(N,) logits of each candidate; 0 for an empty prefix."""
        from ml.sessions.hrnn.serving import scores

        found = np.zeros(len(candidates.values), np.float32)
        for rows, wanted in self._wanted(queries):
            part = candidates.take(rows)
            at = np.concatenate([np.arange(candidates.offsets[r], candidates.offsets[r + 1]) for r in rows])
            found[at] = scores(self._catalogue, self.network.scale, wanted, part)
        return found

    @cached_property
    def _catalogue(self) -> "Tensor":
        """(I, D) the items' vectors: computed once, since a single query takes less than they do."""
        from ml.sessions.hrnn.serving import catalogue

        return catalogue(self.network)

    def _wanted(self, queries: Queries) -> Iterator[tuple[Ints, Floats]]:
        """Rows of queries with a prefix, and what they ask for (B, D), in batches of similar length."""
        from ml.sessions.hrnn.serving import wanted

        lengths = queries.prefix.lengths
        order = np.argsort(lengths, kind="stable")
        order = order[lengths[order] > 0]
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            user = queries.user[rows]
            known = (user != UNKNOWN) & (user < len(self.user_states))
            state = np.zeros((len(rows), self.parameters.hidden_size), np.float32)
            state[known] = self.user_states[user[known]]
            flag = np.zeros((len(rows), 1), np.float32)
            flag[known] = self.known[user[known]]
            yield rows, wanted(self.network, queries.prefix, rows, state, flag)

    def save(self, folder: Path) -> None:
        """Write the weights as safetensors, the users' states as .npy and all else as JSON."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        save_file(dict(self.network.state_dict()), folder / "weights.safetensors")
        np.save(folder / "user_states.npy", self.user_states, allow_pickle=False)
        np.save(folder / "known.npy", self.known, allow_pickle=False)
        features = 0 if self.network.content is None else self.network.content.features.shape[1]
        described = {"parameters": self.parameters.model_dump(mode="json"), "items": self.network.items}
        write_json(folder / "hrnn.json", {**described, "features": features, "curve": self.curve})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; the users' states stay on disk and are read as they are asked for."""
        import torch
        from safetensors.torch import load_file

        from ml.sessions.hrnn.network import HrnnNetwork

        described = read_json(folder / "hrnn.json")
        parameters, items = HrnnParameters.model_validate(described["parameters"]), described["items"]
        content = torch.zeros(items, described["features"]) if described["features"] else None
        network = HrnnNetwork(items, parameters, content)
        network.load_state_dict(load_file(folder / "weights.safetensors"))
        states = np.load(folder / "user_states.npy", mmap_mode="r", allow_pickle=False)
        return cls(parameters, network.eval(), states, np.load(folder / "known.npy"), described["curve"])
