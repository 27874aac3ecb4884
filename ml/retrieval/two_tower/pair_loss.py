"""The chosen loss of the positive pairs of a batch, for any towers that give cosines.

Shapes: B requests, C candidates, N positive pairs of a request and a candidate.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from ml.retrieval.two_tower import losses
from ml.retrieval.two_tower.sampling import Batch, Shares

TRIPLET_NEGATIVES = 10  # the easy ones are already further away than the margin and teach nothing


class LossParameters(Protocol):
    """What the parameters of a retriever say about its loss."""

    @property
    def loss(self) -> Literal["softmax", "contrastive", "triplet"]:
        """Which loss."""

    @property
    def temperature(self) -> float:
        """What cosines are divided by (softmax, contrastive)."""

    @property
    def margin(self) -> float:
        """Cosine by which a positive must lead (triplet)."""

    @property
    def hard_negatives(self) -> int:
        """Highest-scored negatives of a request that count; 0: all of them (triplet: 10)."""

    @property
    def uniform_negatives(self) -> int:
        """Items drawn uniformly and added to each batch."""


@dataclass(frozen=True)
class PairLoss:
    """From cosines to one loss a positive pair."""

    parameters: LossParameters
    shares: Shares
    device: torch.device

    def __call__(self, cosine: Tensor, batch: Batch) -> Tensor:
        """(N,) the loss of each pair, of the cosines (B, C) of the batch's requests and candidates."""
        row, column = torch.from_numpy(batch.row).to(self.device), torch.from_numpy(batch.column).to(self.device)
        parameters = self.parameters
        if parameters.loss == "triplet":
            negatives = losses.hardest(self._negatives(cosine, row, column, batch), self._hard(TRIPLET_NEGATIVES))
            return losses.triplet_loss(cosine[row, column], negatives, row, parameters.margin)
        logits = cosine / parameters.temperature
        if parameters.loss == "softmax":
            logits = logits - self._log_q(batch)
        negatives = losses.hardest(self._negatives(logits, row, column, batch), self._hard(0))
        return losses.softmax_loss(logits[row, column], negatives, row)

    def _hard(self, default: int) -> int:
        return self.parameters.hard_negatives or default

    def _negatives(self, logits: Tensor, row: Tensor, column: Tensor, batch: Batch) -> Tensor:
        further = [torch.from_numpy(part).to(self.device) for part in batch.hits]
        return losses.mask_hits(logits, torch.cat([row, further[0]]), torch.cat([column, further[1]]))

    def _log_q(self, batch: Batch) -> Tensor:
        share = torch.from_numpy(self.shares.of_items(batch.period, batch.candidates)).to(self.device)
        return losses.inclusion_log_probability(
            share, draws=len(batch.row), uniform=self.parameters.uniform_negatives, items=self.shares.items
        )
