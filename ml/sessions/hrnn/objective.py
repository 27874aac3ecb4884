"""From what a session asks for to a loss: the drawn negatives and the vectors that a batch needs.

Shapes: B sessions, T clicks, D embedding size, P positions that have a target, K negatives, I items.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ml.data.arrays import Indices, Ints
from ml.sessions.hrnn.losses import (
    bpr_max_loss,
    hits,
    log_expected_draws,
    log_sum_of_negatives,
    mask_hits,
    sampled_softmax_loss,
    softmax_loss,
)
from ml.sessions.hrnn.network import HrnnNetwork
from ml.sessions.hrnn.parameters import HrnnParameters
from ml.sessions.sessions import Sessions


@dataclass(frozen=True)
class Batch:
    """The vectors of a batch, looked up once: each look-up costs a gradient of the size of the catalogue."""

    embedded: Tensor  # (B, T, D) of the clicks
    drawn: Tensor  # (K,) 1-based items, ascending; all items for the full softmax
    drawn_vectors: Tensor  # (K, D)


class Negatives:
    """Items drawn by popularity, with replacement."""

    def __init__(
        self, counts: Ints, number: int, power: float, random: np.random.Generator, device: torch.device
    ) -> None:
        """Of items (I,) clicked so often; each counts one click more, so that none is out of reach."""
        weight = (counts.astype(np.float64) + 1) ** power
        self.cumulative = np.cumsum(weight / weight.sum())
        self.probability = torch.from_numpy((weight / weight.sum()).astype(np.float32)).to(device)  # (I,)
        self.number, self.random, self.device = number, random, device

    def drawn(self) -> Tensor:
        """(K,) fresh items, 1-based and ascending."""
        spot = np.sort(self.random.random(self.number))
        drawn = np.minimum(np.searchsorted(self.cumulative, spot), len(self.cumulative) - 1)
        return torch.from_numpy(drawn + 1).to(self.device)

    def log_expected(self, drawn: Tensor) -> Tensor:
        """(K,) the correction of log-q of these items."""
        return log_expected_draws(self.probability[drawn - 1], len(drawn))


class Objective:
    """Negatives by popularity, and the loss of a batch against them."""

    def __init__(
        self, sessions: Sessions, parameters: HrnnParameters, random: np.random.Generator, device: torch.device
    ) -> None:
        self.negatives = Negatives(sessions.counts, parameters.negatives, parameters.negative_power, random, device)
        self.parameters, self.device = parameters, device

    def embed(self, network: HrnnNetwork, items: Indices) -> Batch:
        """The vectors of the clicks (B, T) and of fresh negatives."""
        clicked = torch.from_numpy(items).long().to(self.device)
        drawn = self.negatives.drawn()
        if self.parameters.loss == "softmax":
            catalogue = network.vectors(torch.arange(network.items + 1, device=self.device))  # (I + 1, D)
            return Batch(catalogue[clicked], drawn, catalogue[1:])
        vectors = network.vectors(torch.cat([clicked.flatten(), drawn]))
        embedded = vectors[: clicked.numel()].view(*clicked.shape, vectors.shape[1])  # (B, T, D)
        return Batch(embedded, drawn, vectors[clicked.numel() :])

    def __call__(self, network: HrnnNetwork, batch: Batch, wanted: Tensor, target: Tensor, at: Tensor) -> Tensor:
        """(P,) losses.

        Args:
            network: Whose scale turns scores into logits.
            batch: What `embed` looked up.
            wanted: (P, D) what the sessions ask for.
            target: (P,) what came next, 1-based.
            at: (P,) where those items stand among the clicks (B * T,).
        """
        asked = wanted * network.scale
        if self.parameters.loss == "softmax":
            return softmax_loss(asked @ batch.drawn_vectors.T, target - 1)
        positive = (asked * batch.embedded.flatten(0, 1)[at]).sum(dim=1)  # (P,)
        if self.parameters.loss == "bpr_max":
            negatives = mask_hits(asked @ batch.drawn_vectors.T, hits(batch.drawn, target))  # (P, K)
            return bpr_max_loss(positive, negatives, self.parameters.score_penalty)
        correction = self.negatives.log_expected(batch.drawn)  # (K,)
        against = log_sum_of_negatives(asked, batch.drawn_vectors, -correction, hits(batch.drawn, target))  # (P,)
        return sampled_softmax_loss(positive, against)
