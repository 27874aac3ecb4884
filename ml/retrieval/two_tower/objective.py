"""The loss of one batch: from drawn requests to a number to descend.

Shapes: B requests, C candidates, N positive pairs of a request and a candidate, D embedding size.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ml.retrieval.two_tower import losses
from ml.retrieval.two_tower.inputs import window_of
from ml.retrieval.two_tower.material import Material
from ml.retrieval.two_tower.network import TwoTowerNetwork
from ml.retrieval.two_tower.pair_loss import PairLoss
from ml.retrieval.two_tower.parameters import TwoTowerParameters
from ml.retrieval.two_tower.sampling import Batch


@dataclass(frozen=True)
class Objective:
    """What one training descends."""

    network: TwoTowerNetwork
    material: Material
    parameters: TwoTowerParameters
    random: np.random.Generator
    device: torch.device

    def __call__(self, batch: Batch) -> Tensor:
        """The batch's mean loss, repeats weighing what the parameters say."""
        cosine = self._requests(batch) @ self._candidates(batch).T  # (B, C)
        weight = np.where(batch.repeat, self.parameters.repeat_weight, 1.0).astype(np.float32)
        loss = PairLoss(self.parameters, self.material.shares, self.device)(cosine, batch)  # (N,)
        return losses.weighted_mean(loss, torch.from_numpy(weight).to(self.device))

    def _requests(self, batch: Batch) -> Tensor:
        """(B, D) the requests' vectors."""
        views = self.material.requests.views.take(batch.requests)
        window = window_of(views, self.parameters.history_length)
        item, position = np.unique(window.item, return_inverse=True)
        items = self.material.encoder.items(item, self.material.popularity[batch.period], self._dropped(len(item)))
        items = items.to(self.device)
        requests = self.material.encoder.requests(views, window, position.reshape(window.item.shape))
        tower = self.network.request
        vectors: Tensor = tower(tower.embed(self.network.content(items), items), requests.to(self.device))
        return vectors

    def _candidates(self, batch: Batch) -> Tensor:
        """(C, D) the candidates' vectors, as of the batch's cadence."""
        items = self.material.encoder.items(
            batch.candidates, self.material.popularity[batch.period], self._dropped(len(batch.candidates))
        ).to(self.device)
        vectors: Tensor = self.network.item(self.network.content(items), items)
        return vectors

    def _dropped(self, count: int) -> np.ndarray:
        return self.random.random(count) < self.parameters.id_dropout
