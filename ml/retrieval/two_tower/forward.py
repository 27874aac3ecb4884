"""The fitted request tower in numpy: a few requests at a time, what torch computes in a fraction of its time.

Shapes: B requests, H history length, K pooling heads, D embedding size, F request features, E event features.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import erf

from ml.data.arrays import Bools, Floats, Indices
from ml.retrieval.two_tower.encoding import RequestArrays
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
    of_item: Floats  # (D, K)
    place: Floats  # (places + 1, P); the first row is of the unknown
    mix: tuple[Layer, Layer]

    @classmethod
    def of(cls, tower: RequestTower) -> Self:
        """The weights as they are now."""
        named = {name: tensor.detach().cpu().numpy() for name, tensor in tower.state_dict().items()}

        def layer(name: str) -> Layer:
            return Layer(np.ascontiguousarray(named[f"{name}.weight"].T), named[f"{name}.bias"].copy())

        of_item = np.ascontiguousarray(named["pool.of_item.weight"].T)
        return cls(layer("pool.of_event"), of_item, named["place.weight"].copy(), (layer("mix.0"), layer("mix.3")))

    def __call__(self, embedded: Floats, item: Indices, told: RequestArrays) -> Floats:
        """(B, D) unit vectors.

        Args:
            embedded: (items, D) how the tower reads each item of a history.
            item: (B, H) items of the histories, newest first.
            told: Of the same requests.
        """
        read = max(1, int(told.valid.sum(axis=1).max(initial=0)))  # what stands behind it in every row is no event
        pooled = self._pooled(embedded[item[:, :read]], told.event[:, :read], told.valid[:, :read])
        # A place that opened since the training says as little as an unknown one.
        place = np.where(told.place < len(self.place), told.place, 0)
        hidden = self.mix[0](np.concatenate([pooled, told.features, self.place[place]], axis=1))
        hidden *= 0.5 * (1 + erf(hidden * np.float32(np.sqrt(0.5))))  # GELU
        vector = self.mix[1](hidden)
        vector /= np.maximum(np.linalg.norm(vector, axis=1, keepdims=True), 1e-12)
        return vector

    def _pooled(self, item: Floats, event: Floats, valid: Bools) -> Floats:
        """(B, K * D) weighted means of the history; zeros for an empty one."""
        weight = self.of_event(event)
        weight += item @ self.of_item  # (B, H, K)
        weight[~valid] = -1e9
        weight -= weight.max(axis=1, keepdims=True)
        np.exp(weight, out=weight)
        weight /= weight.sum(axis=1, keepdims=True)
        weight *= valid[:, :, None]
        pooled: Floats = weight.transpose(0, 2, 1) @ item  # (B, K, D)
        return pooled.reshape(len(item), pooled.shape[1] * pooled.shape[2])
