"""The fitted request tower, compiled: a few requests at a time, what torch computes in a fraction of its time.

Shapes: B requests, H history length, K pooling heads, D embedding size, E event features.
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
    """A request tower's weights, and what it makes of each item of a history."""

    embedded: Floats  # (items, D) how it reads an item
    weighed: Floats  # (items, K) what each head makes of it, which need not be computed for each event
    of_event: Floats  # (E, K)
    far: Floats  # (H,) what is told of how far back an event is, of as many as are read
    scaling: Scaling  # of the request's features
    place: Floats  # (places + 1, P); the first row is of the unknown
    mix: tuple[Layer, Layer]

    @classmethod
    def of(cls, tower: RequestTower, scaling: Scaling, embedded: Floats, length: int) -> Self:
        """The weights as they are now.

        Args:
            tower: Fitted.
            scaling: Of its inputs.
            embedded: (items, D) how it reads each item of a history.
            length: Events that are read of each.
        """
        named = {name: tensor.detach().cpu().numpy() for name, tensor in tower.state_dict().items()}

        def layer(name: str) -> Layer:
            return Layer(np.ascontiguousarray(named[f"{name}.weight"].T), named[f"{name}.bias"].copy())

        of_event = layer("pool.of_event")
        weighed = embedded @ named["pool.of_item.weight"].T + of_event.bias
        far = np.log1p(np.arange(1, length + 1)).astype(np.float32)
        mix = layer("mix.0"), layer("mix.3")
        return cls(embedded, weighed, of_event.weight, far, scaling, named["place.weight"].copy(), mix)

    def __call__(self, requests: Requests) -> Floats:
        """(B, D) unit vectors of these requests."""
        from ml.retrieval.two_tower.forward_kernel import forward

        history, session, (first, second) = requests.history, requests.session, self.mix
        vector = np.empty((len(requests), len(second.bias)), np.float32)
        forward(
            history.offsets, history.item, history.at, history.session, history.weight, session.offsets, session.values,
            requests.moment, requests.place, self.embedded, self.weighed, self.of_event, self.far, self.scaling.mean,
            self.scaling.deviation, self.place, first.weight, first.bias, second.weight, second.bias, vector,
        )  # fmt: skip
        return vector
