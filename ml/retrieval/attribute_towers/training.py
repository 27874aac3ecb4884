"""Fitting the towers over attributes: all epochs, each a pass over the requests."""

import numpy as np
import torch
from torch import Tensor

from ml.data.arrays import Indices, Ints, Ragged
from ml.logs import get_logger
from ml.neural import device_of, reproducible
from ml.retrieval.attribute_towers.encoding import FactBatch
from ml.retrieval.attribute_towers.examples import Examples
from ml.retrieval.attribute_towers.parameters import AttributeTowersParameters
from ml.retrieval.attribute_towers.serving import Towers, bags
from ml.retrieval.two_tower import losses
from ml.retrieval.two_tower.descent import Descent
from ml.retrieval.two_tower.pair_loss import PairLoss
from ml.retrieval.two_tower.sampling import Batch, Sampler, Shares

log = get_logger(__name__)


def train(
    examples: Examples, parameters: AttributeTowersParameters, *, seed: int, threads: int
) -> tuple[Towers, list[float]]:
    """Fit both towers.

    Returns:
        The towers on the CPU, and the mean loss of each epoch.
    """
    with reproducible(threads, seed):
        return _Training(examples, parameters, seed).run()


class _Training:
    """One fit: the state that its epochs hand on."""

    def __init__(self, examples: Examples, parameters: AttributeTowersParameters, seed: int) -> None:
        self.examples, self.parameters, self.device = examples, parameters, device_of(parameters.device)
        self.towers = Towers.untrained(examples.users, examples.items, parameters)
        self.network = self.towers.network.to(self.device)
        self.users = self.towers.users(examples.users, len(examples))
        self.items = self.towers.items(examples.items, len(examples.items))
        items = len(examples.items)
        self.sampler = Sampler(
            examples, items, np.random.default_rng(seed), np.ones(len(examples), np.float32),
            parameters.batch_size, parameters.positives, parameters.uniform_negatives,
        )  # fmt: skip
        self.loss = PairLoss(parameters, Shares.of(examples, items), self.device)
        optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=parameters.learning_rate, weight_decay=parameters.weight_decay, fused=True
        )
        self.descent = Descent(optimiser, parameters.learning_rate, parameters.epochs, "attribute_towers")

    def run(self) -> tuple[Towers, list[float]]:
        """All epochs; the learning rate decays over them, so that the last one is where they lead."""
        curve = []
        for epoch in range(self.parameters.epochs):
            self.network.train()
            curve.append(self.descent.epoch(epoch, self.sampler.epoch(), self._loss))
        log.info("attribute_towers: %d epochs, loss %.4f to %.4f", len(curve), curve[0], curve[-1])
        self.network.cpu().eval()
        return self.towers, curve

    def _loss(self, rows: Ints) -> Tensor:
        batch = self.examples.without_barred(self.sampler.draw(rows))
        loss = self.loss(self._cosines(batch), batch)  # (N,)
        return losses.weighted_mean(loss, torch.ones_like(loss))

    def _cosines(self, batch: Batch) -> Tensor:
        """(B, C) of the batch's requests and its candidates."""
        return self._users(batch) @ self.network.items(self._facts_of(batch.candidates)).T

    def _users(self, batch: Batch) -> Tensor:
        """(B, D) the requests' vectors; of the catalogue only what some of them have is read."""
        held = self.examples.held.take(batch.requests)
        item, place = np.unique(held.values, return_inverse=True)
        as_held = self.network.as_held(self._facts_of(item))
        facts = self.users.take(torch.from_numpy(batch.requests)).to(self.device)
        vectors: Tensor = self.network.users(
            facts, as_held, bags(Ragged(held.offsets, place.astype(np.int32)), self.device)
        )
        return vectors

    def _facts_of(self, item: Indices) -> FactBatch:
        return self.items.take(torch.from_numpy(item.astype(np.int64))).to(self.device)
