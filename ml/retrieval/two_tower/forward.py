"""The fitted request tower, compiled: a few requests at a time, what torch computes in a fraction of its time.

Shapes: B requests, K pooling heads, D embedding size, E event features, F request features.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import erf

from ml.data.arrays import Floats
from ml.data.requests import Requests
from ml.retrieval.two_tower.encoding import Scaling
from ml.retrieval.two_tower.network import RequestTower


@dataclass(frozen=True)
class Layer:
    """An affine map."""

    weight: Floats  # (inputs, outputs)
    bias: Floats  # (outputs,)

    def __call__(self, values: Floats) -> Floats:
        """(..., outputs)."""
        mapped: Floats = values @ self.weight
        mapped += self.bias
        return mapped


@dataclass(frozen=True)
class Forward:
    """A request tower's weights."""

    of_event: Layer  # E to K
    of_item: Floats  # (K, D)
    scaling: Scaling  # of the request's features
    place: Floats  # (places + 1, P); the first row is of the unknown
    mix: tuple[Layer, Layer]

    @classmethod
    def of(cls, tower: RequestTower, scaling: Scaling) -> Self:
        """The weights as they are now."""
        named = {name: tensor.detach().cpu().numpy() for name, tensor in tower.state_dict().items()}

        def layer(name: str) -> Layer:
            return Layer(np.ascontiguousarray(named[f"{name}.weight"].T), named[f"{name}.bias"].copy())

        of_item = np.ascontiguousarray(named["pool.of_item.weight"])
        mix = layer("mix.0"), layer("mix.3")
        return cls(layer("pool.of_event"), of_item, scaling, named["place.weight"].copy(), mix)

    def __call__(self, embedded: Floats, requests: Requests, length: int) -> Floats:
        """(B, D) unit vectors.

        Args:
            embedded: (items, D) how the tower reads each item of a history.
            requests: B of them.
            length: Events that are read of each.
        """
        pooled, features = self._read(embedded, requests, length)
        # A place that opened since the training says as little as an unknown one.
        place = np.where(requests.place < len(self.place) - 1, requests.place + 1, 0)
        hidden = self.mix[0](np.concatenate([pooled, self.scaling(features), self.place[place]], axis=1))
        hidden *= 0.5 * (1 + erf(hidden * np.float32(np.sqrt(0.5))))  # GELU
        vector = self.mix[1](hidden)
        vector /= np.maximum(np.linalg.norm(vector, axis=1, keepdims=True), 1e-12)
        return vector

    def _read(self, embedded: Floats, requests: Requests, length: int) -> tuple[Floats, Floats]:
        """(B, K * D) the histories, pooled (zeros for an empty one), and (B, F) what is told of each as a whole."""
        from ml.retrieval.two_tower.forward_kernel import read

        history, session, count = requests.history, requests.session, len(requests)
        pooled, features = (
            np.zeros((count, *self.of_item.shape), np.float32),
            np.empty((count, len(self.scaling.mean)), np.float32),
        )
        read(
            history.offsets, history.item, history.at, history.session, history.weight, session.offsets, session.values,
            requests.moment, embedded, self.of_event.weight, self.of_event.bias, self.of_item, length, pooled, features,
        )  # fmt: skip
        return pooled.reshape(count, self.of_item.size), features
