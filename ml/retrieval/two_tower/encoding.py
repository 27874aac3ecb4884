"""From arrays to the towers' tensors, the same way in training and in serving.

Shapes: B requests, H history length, C items, P popularity features, F request features.
"""

from dataclasses import dataclass

import numpy as np
import torch

from ml.data.arrays import Bools, Floats, Indices, Ints, Ragged
from ml.retrieval.two_tower.inputs import Views, Window, request_features
from ml.retrieval.two_tower.network import ItemBatch, RequestBatch


@dataclass(frozen=True)
class Scaling:
    """Brings columns to mean 0 and deviation 1, by what the training requests showed."""

    mean: Floats  # (columns,)
    deviation: Floats  # (columns,)

    @classmethod
    def of(cls, values: Floats) -> "Scaling":
        """The scaling of these (rows, columns); a constant column becomes 0."""
        if not len(values):
            return cls(np.zeros(values.shape[1], np.float32), np.ones(values.shape[1], np.float32))
        deviation = values.std(0, dtype=np.float64)
        return cls(
            values.mean(0, dtype=np.float64).astype(np.float32),
            np.where(deviation > 1e-6, deviation, 1).astype(np.float32),
        )

    def __call__(self, values: Floats) -> Floats:
        """(rows, columns) the values, scaled."""
        return ((values - self.mean) / self.deviation).astype(np.float32)


@dataclass(frozen=True)
class Encoder:
    """What turns items and requests into tensors; fixed once the model is fitted."""

    id: Indices  # (items,) 1-based row of an item's own embedding; 0: it has none
    tokens: Ragged  # (items) rows of content tokens
    popularity: Scaling
    request: Scaling

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray]) -> "Encoder":
        """The encoder that `arrays` took apart."""
        scaling = [Scaling(arrays[f"{name}_mean"], arrays[f"{name}_deviation"]) for name in ("popularity", "request")]
        return cls(arrays["id"], Ragged(arrays["token_offsets"], arrays["token_values"]), *scaling)

    def arrays(self) -> dict[str, np.ndarray]:
        """All that the encoder knows, by name."""
        return {
            "id": self.id, "token_offsets": self.tokens.offsets, "token_values": self.tokens.values,
            "popularity_mean": self.popularity.mean, "popularity_deviation": self.popularity.deviation,
            "request_mean": self.request.mean, "request_deviation": self.request.deviation,
        }  # fmt: skip

    def items(self, item: Indices, popularity: Floats, dropped: Bools | None = None) -> ItemBatch:
        """These items (C,), with the popularity of the whole catalogue (items, P) at their moment.

        Args:
            item: (C,) item numbers.
            popularity: (items, P) unscaled.
            dropped: (C,) which of them must do without their own embedding.
        """
        own = self.id[item] if dropped is None else np.where(dropped, 0, self.id[item])
        tokens = self.tokens.take(item.astype(np.int64))
        return ItemBatch(
            torch.from_numpy(own.astype(np.int64)), torch.from_numpy(tokens.values.astype(np.int64)),
            torch.from_numpy(tokens.offsets[:-1]), torch.from_numpy(self.popularity(popularity[item])),
        )  # fmt: skip

    def requests(self, views: Views, window: Window, position: Ints) -> RequestBatch:
        """These requests, whose events' items stand at `position` (B, H) among the embedded items."""
        rank = np.cumsum(window.valid, axis=1)
        event = np.stack(
            [np.log1p(np.maximum(window.age, 0)), np.log1p(rank), 1.0 - window.latest, np.log(window.weight + 1e-3)],
            axis=2,
        )
        return RequestBatch(
            torch.from_numpy(position), torch.from_numpy(window.valid),
            torch.from_numpy(np.where(window.valid[:, :, None], event, 0).astype(np.float32)),
            torch.from_numpy(self.request(request_features(views, window))),
            torch.from_numpy(views.place.astype(np.int64) + 1),
        )  # fmt: skip
