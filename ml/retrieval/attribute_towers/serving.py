"""The fitted towers at work: the catalogue's vectors, and those of users.

Shapes: B users, I items, H size of what is held, D embedding size.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from ml.artifacts import read_json, write_json
from ml.data.arrays import Floats, Ragged
from ml.data.facts import FactTable
from ml.retrieval.attribute_towers.encoding import FactEncoder
from ml.retrieval.attribute_towers.network import AttributeNetwork
from ml.retrieval.attribute_towers.parameters import AttributeTowersParameters

CHUNK = 4096  # users encoded at once: bounds the memory, whatever is asked
WEIGHTS, ENCODERS = "weights.safetensors", "encoders.json"


@dataclass(frozen=True)
class Catalogue:
    """The items as the towers see them."""

    vectors: Floats  # (I, D) of length one: what a user's vector is compared with
    as_held: Floats  # (I, H) what having each says about a user


@dataclass(frozen=True)
class Towers:
    """A network and what encodes its inputs.

    Every answer is given in evaluation mode: batch normalisation then uses what training showed, so that a request
    alone gets the vector that it gets among others.
    """

    network: AttributeNetwork
    users: FactEncoder
    items: FactEncoder

    @classmethod
    def untrained(cls, users: FactTable, items: FactTable, parameters: AttributeTowersParameters) -> Self:
        """Towers whose encoders read these facts, with random weights."""
        encoders = FactEncoder.of(users), FactEncoder.of(items)
        return cls(AttributeNetwork(*encoders, parameters), *encoders)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    @torch.no_grad()
    def catalogue(self, items: FactTable) -> Catalogue:
        """All items by their facts."""
        self.network.eval()
        facts = self.items(items, len(items)).to(self.device)
        return Catalogue(self.network.items(facts).cpu().numpy(), self.network.as_held(facts).cpu().numpy())

    @torch.no_grad()
    def user_vectors(self, facts: FactTable, held: Ragged, catalogue: Catalogue) -> Floats:
        """(B, D) unit vectors of users.

        Args:
            facts: (B,) of the users; no facts: no rows.
            held: B rows of the items that each has.
            catalogue: Of all items.
        """
        self.network.eval()
        found = np.zeros((len(held), catalogue.vectors.shape[1]), np.float32)
        batch = self.users(facts, len(held))
        as_held = torch.from_numpy(catalogue.as_held).to(self.device)
        for start in range(0, len(held), CHUNK):
            rows = np.arange(start, min(start + CHUNK, len(held)))
            part = batch.take(torch.from_numpy(rows)).to(self.device)
            found[rows] = self.network.users(part, as_held, bags(held.take(rows), self.device)).cpu().numpy()
        return found

    def save(self, folder: Path) -> None:
        """Write `weights.safetensors` and `encoders.json`."""
        weights = {name: np.ascontiguousarray(value.numpy()) for name, value in self.network.state_dict().items()}
        save_file(weights, folder / WEIGHTS)
        write_json(folder / ENCODERS, {"users": self.users.described(), "items": self.items.described()})

    @classmethod
    def load(cls, folder: Path, parameters: AttributeTowersParameters) -> Self:
        """Read what `save` wrote."""
        described = read_json(folder / ENCODERS)
        encoders = [FactEncoder.from_described(described[side]) for side in ("users", "items")]
        network = AttributeNetwork(encoders[0], encoders[1], parameters)
        weights = load_file(folder / WEIGHTS)
        network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
        network.eval()
        return cls(network, encoders[0], encoders[1])


def bags(held: Ragged, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of items as the network sums them: the items one after the other, and where each row begins."""
    return (
        torch.from_numpy(held.values.astype(np.int64)).to(device),
        torch.from_numpy(held.offsets[:-1].astype(np.int64)).to(device),
    )
