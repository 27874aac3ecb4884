"""The fitted towers at work: the catalogue's vectors as of an instant, and the vectors of requests.

Shapes: B requests, H history length, D embedding size.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from ml.artifacts import read_json, write_json
from ml.data.arrays import Floats, Ints
from ml.data.requests import Requests
from ml.retrieval.two_tower.encoding import Encoder
from ml.retrieval.two_tower.forward import Forward
from ml.retrieval.two_tower.inputs import views_of, window_of, with_session
from ml.retrieval.two_tower.network import Sizes, TwoTowerNetwork
from ml.retrieval.two_tower.parameters import TwoTowerParameters

CHUNK = 1024  # requests or (times 16) items encoded at once: bounds the memory, whatever is asked
WEIGHTS, SIZES = "weights.safetensors", "sizes.json"
NETWORK, ENCODER = "network.", "encoder."  # prefixes of the tensors in the file


@dataclass(frozen=True)
class Catalogue:
    """The items as of one instant."""

    vectors: Floats  # (items, D) of length one: what a request's vector is compared with
    embedded: Floats  # (items, D) how the request tower reads an item in a history

    @cached_property
    def columns(self) -> Floats:
        """(D, items) the vectors side by side, by which a few requests are multiplied twice as fast."""
        return np.ascontiguousarray(self.vectors.T)


@dataclass(frozen=True)
class Towers:
    """A network in evaluation mode and what encodes its inputs."""

    network: TwoTowerNetwork
    encoder: Encoder

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    @torch.no_grad()
    def catalogue(self, popularity: Floats) -> Catalogue:
        """All items under their popularity (items, P) of the moment."""
        self.network.eval()
        vectors, embedded = [], []
        for start in range(0, len(popularity), 16 * CHUNK):
            item = np.arange(start, min(start + 16 * CHUNK, len(popularity)), dtype=np.int32)
            batch = self.encoder.items(item, popularity).to(self.device)
            content = self.network.content(batch)
            vectors.append(self.network.item(content, batch).cpu().numpy())
            embedded.append(self.network.request.embed(content, batch).cpu().numpy())
        return Catalogue(np.concatenate(vectors), np.concatenate(embedded))

    @torch.no_grad()
    def requests(self, requests: Requests, catalogue: Catalogue, history_length: int) -> Floats:
        """(B, D) unit vectors of these requests."""
        self.network.eval()
        found = np.zeros((len(requests), catalogue.vectors.shape[1]), np.float32)
        embedded = torch.from_numpy(catalogue.embedded).to(self.device)
        for rows in _chunks(len(requests)):
            part = requests.take(rows)
            views = views_of(part)
            window = with_session(window_of(views, history_length), part)
            batch = self.encoder.requests(views, window, window.item.astype(np.int64)).to(self.device)
            found[rows] = self.network.request(embedded, batch).cpu().numpy()
        return found

    def forward(self, catalogue: Catalogue, history_length: int) -> Forward:
        """The fitted request tower, which gives what `requests` does; not while its weights are still learned."""
        return Forward.of(self.network.request, self.encoder.request, catalogue.embedded, history_length)

    def save(self, folder: Path) -> None:
        """Write `weights.safetensors` and `sizes.json`."""
        tensors = {NETWORK + name: value.numpy() for name, value in self.network.state_dict().items()}
        tensors |= {ENCODER + name: value for name, value in self.encoder.arrays().items()}
        save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, folder / WEIGHTS)
        write_json(folder / SIZES, asdict(self.network.sizes))

    @classmethod
    def load(cls, folder: Path, parameters: TwoTowerParameters) -> Self:
        """Read what `save` wrote."""
        tensors = load_file(folder / WEIGHTS)
        network = TwoTowerNetwork(Sizes(**read_json(folder / SIZES)), parameters)
        network.load_state_dict(
            {
                name.removeprefix(NETWORK): torch.from_numpy(value)
                for name, value in tensors.items()
                if name.startswith(NETWORK)
            }
        )
        network.eval()
        return cls(network, Encoder.of(_below(tensors, ENCODER)))


def _chunks(count: int) -> Iterator[Ints]:
    return (np.arange(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK))


def _below(tensors: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
