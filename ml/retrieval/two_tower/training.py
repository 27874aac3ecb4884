"""Fitting the towers: one epoch after the other until the validation recall no longer rises."""

import numpy as np
import torch
from torch import Tensor

from ml.logs import get_logger
from ml.neural import device_of, reproducible
from ml.retrieval.contract import TrainingData
from ml.retrieval.two_tower.descent import Descent
from ml.retrieval.two_tower.material import prepare
from ml.retrieval.two_tower.network import TwoTowerNetwork
from ml.retrieval.two_tower.objective import Objective
from ml.retrieval.two_tower.parameters import TwoTowerParameters
from ml.retrieval.two_tower.sampling import Sampler
from ml.retrieval.two_tower.serving import Towers
from ml.retrieval.two_tower.validation import Validation

log = get_logger(__name__)
Curves = dict[str, list[float]]
LOSS, RECALL, DISCOVERY = "training_loss", "validation_recall@100", "validation_discovery_recall@100"


def train(data: TrainingData, parameters: TwoTowerParameters) -> tuple[Towers, Curves]:
    """Fit both towers on the log before t1.

    Returns:
        The towers of the best epoch, and one value an epoch of the loss and of the validation recalls.
    """
    with reproducible(data.threads, data.seed):
        return _Training(data, parameters).run()


class _Training:
    """One fit: the state that its epochs hand on."""

    def __init__(self, data: TrainingData, parameters: TwoTowerParameters) -> None:
        self.parameters = parameters
        self.device = device_of(parameters.device)
        material = prepare(data.dataset, parameters)
        random = np.random.default_rng(data.seed)
        self.network = TwoTowerNetwork(material.sizes, parameters).to(self.device)
        self.objective = Objective(self.network, material, parameters, random, self.device)
        self.sampler = Sampler(
            material.requests, data.dataset.log.items, random, material.keep, parameters.batch_size,
            parameters.positives, parameters.uniform_negatives,
        )  # fmt: skip
        optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=parameters.learning_rate, weight_decay=parameters.weight_decay, fused=True
        )
        self.descent = Descent(optimiser, parameters.learning_rate, parameters.epochs, "two_tower")
        self.towers = Towers(self.network, material.encoder)
        self.validation = Validation.of(data.validation, parameters.validation_requests, parameters.history_length)
        self.curves: Curves = {LOSS: [], RECALL: [], DISCOVERY: []}

    def run(self) -> tuple[Towers, Curves]:
        """Epochs until patience runs out; the weights of the best one stay."""
        best: dict[str, Tensor] = {}
        for epoch in range(self.parameters.epochs):
            self._record(epoch, self._epoch(epoch))
            recalls = self.curves[RECALL]
            worse = len(recalls) - 1 - int(np.argmax(recalls))  # epochs since the best one; argmax finds a NaN first
            if worse == 0 or np.isnan(recalls[-1]):  # without a validation case the last epoch stands
                best = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
            elif worse >= self.parameters.patience:
                break
        self.network.load_state_dict(best)
        self.network.cpu().eval()
        return self.towers, self.curves

    def _epoch(self, epoch: int) -> float:
        """The mean loss of one pass over the batches."""
        self.network.train()
        return self.descent.epoch(
            epoch, self.sampler.epoch(), lambda requests: self.objective(self.sampler.draw(requests))
        )

    def _record(self, epoch: int, loss: float) -> None:
        every, discoveries = self.validation.recall(self.towers)
        for name, value in ((LOSS, loss), (RECALL, every), (DISCOVERY, discoveries)):
            self.curves[name].append(value)
        log.info(
            "two_tower epoch %d of %d: loss %.4f, validation recall@100 %.4f, of discoveries %.4f",
            epoch + 1, self.parameters.epochs, loss, every, discoveries,
        )  # fmt: skip
