"""The fitted request tower, compiled: a few requests at a time, what torch computes in a fraction of its time.

Shapes: B requests, K pooling heads, D embedding size, E event features.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from ml.data.arrays import Floats
from ml.data.requests import Requests
from ml.retrieval.two_tower.encoding import Scaling
from ml.retrieval.two_tower.network import RequestTower


@dataclass(frozen=True)
class Layer:
    """An affine map."""

    weight: Floats  # (inputs, outputs)
    bias: Floats  # (outputs,)


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
        from ml.retrieval.two_tower.forward_kernel import forward

        history, session, (first, second) = requests.history, requests.session, self.mix
        vector = np.empty((len(requests), len(second.bias)), np.float32)
        forward(
            history.offsets, history.item, history.at, history.session, history.weight, session.offsets, session.values,
            requests.moment, requests.place, embedded, self.of_event.weight, self.of_event.bias, self.of_item, length,
            self.scaling.mean, self.scaling.deviation, self.place, first.weight, first.bias, second.weight, second.bias,
            vector,
        )  # fmt: skip
        return vector
