"""Fitting the network: one epoch after the other until the validation nDCG@10 no longer rises.

Shapes: N rows, F features, B requests of a batch.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ml.data.arrays import Floats, Ints, take_ranges
from ml.logs import get_logger
from ml.neural import device_of, learning_rate_at, reproducible
from ml.ranking.contract import LabelledFrame, dcg, ndcg
from ml.ranking.dcn.network import DcnNetwork, PositionTower
from ml.ranking.dcn.objective import softmax_loss
from ml.ranking.dcn.parameters import DcnParameters
from ml.ranking.dcn.scaling import Scaling

log = get_logger(__name__)
LOSS, NDCG, EXAMINATION = "training_loss", "validation_ndcg@10", "position_tower"
TOWER_RATE = 10  # learning rate of the position tower over the network's: its few logits have far to go
CHUNK = 65_536  # rows scored at once: bounds the memory
Curves = dict[str, list[float]]


def train(
    train: LabelledFrame, validation: LabelledFrame, parameters: DcnParameters, *, seed: int, threads: int
) -> tuple[DcnNetwork, Scaling, Curves]:
    """Fit the network on `train`, and with positions a position tower that is then thrown away.

    Returns:
        The network of the best epoch, the scaling of its inputs, and one value an epoch of the loss and of the
        validation nDCG@10; of the tower its examination curve, one value a position.
    """
    with reproducible(threads, seed):
        return _Training(train, validation, parameters, seed).run()


@torch.no_grad()
def scores(network: DcnNetwork, scaled: np.ndarray) -> Floats:
    """(N,) logits of scaled features (N, F)."""
    network.eval()
    device = network.logit.weight.device
    parts = [
        network(torch.from_numpy(scaled[start : start + CHUNK]).to(device).float()).cpu().numpy()
        for start in range(0, len(scaled), CHUNK)
    ]
    return np.concatenate([np.zeros(0, np.float32), *parts])


class _Training:
    """One fit: the state that its epochs hand on."""

    def __init__(self, train: LabelledFrame, validation: LabelledFrame, parameters: DcnParameters, seed: int) -> None:
        self.train, self.validation, self.parameters = train, validation, parameters
        self.device = device_of(parameters.device)
        self.random = np.random.default_rng(seed)
        self.scaling = Scaling.of(train.frame.values, parameters.quantiles)
        # Scaled once, in half the bytes: a step of a thousandth on a scale of two is finer than the quantiles.
        self.rows = self.scaling(train.frame.values).astype(np.float16)  # (N, F)
        self.held_out = self.scaling(validation.frame.select(train.frame.names)).astype(np.float16)
        self.gain = train.gain.astype(np.float32)
        self.asked = np.flatnonzero(dcg(self.gain, self.gain, train.frame.offsets) > 0)  # requests with any gain
        self.steps = -(-len(self.asked) // parameters.batch_size)  # of an epoch
        self.network = DcnNetwork(torch.from_numpy(self.scaling.gaps), parameters).to(self.device)
        self.tower = None if train.position is None else PositionTower(int(train.position.max()) + 1).to(self.device)
        self.optimiser = torch.optim.AdamW(self._groups())
        self.curves: Curves = {LOSS: [], NDCG: []}

    def run(self) -> tuple[DcnNetwork, Scaling, Curves]:
        """Epochs until patience runs out; the weights of the best one stay."""
        best: dict[str, Tensor] = {}
        for epoch in range(self.parameters.epochs):
            self._record(epoch, self._epoch(epoch))
            reached = self.curves[NDCG]
            worse = len(reached) - 1 - int(np.argmax(reached))  # epochs since the best one; argmax finds a NaN first
            if worse == 0 or np.isnan(reached[-1]):  # without a validation case the last epoch stands
                best = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
                examined = None if self.tower is None else self.tower.examination()
                self.curves |= {} if examined is None else {EXAMINATION: examined}
            elif worse >= self.parameters.patience:
                break
        self.network.load_state_dict(best)
        return self.network.cpu().eval(), self.scaling, self.curves

    def _groups(self) -> list[dict[str, Any]]:
        """What AdamW steps on; `peak` is the learning rate that `learning_rate_at` is a share of."""
        chosen = self.parameters
        network = {"weight_decay": chosen.weight_decay, "peak": chosen.learning_rate}
        groups: list[dict[str, Any]] = [{"params": list(self.network.parameters()), **network}]
        if self.tower is not None:
            rate = chosen.learning_rate * TOWER_RATE
            groups.append({"params": list(self.tower.parameters()), "weight_decay": 0.0, "peak": rate})
        return groups

    def _epoch(self, epoch: int) -> float:
        """The mean loss of one pass over the requests that have a gain."""
        self.network.train()
        losses = []
        for step, (rows, place) in enumerate(self._batches()):
            done = (epoch + (step + 1) / self.steps) / self.parameters.epochs
            for group in self.optimiser.param_groups:
                group["lr"] = group["peak"] * learning_rate_at(done)
            logits = self.network(torch.from_numpy(self.rows[rows]).to(self.device).float())  # (N,)
            if self.tower is not None and self.train.position is not None:
                position = torch.from_numpy(self.train.position[rows].astype(np.int64))
                logits = logits + self.tower(position.to(self.device))
            gain = torch.from_numpy(self.gain[rows]).to(self.device)
            loss = softmax_loss(logits, gain, torch.from_numpy(place).to(self.device))
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            losses.append(float(loss.detach()))
        return float(np.mean(losses)) if losses else 0.0

    def _batches(self) -> Iterator[tuple[Ints, Ints]]:
        """Row numbers (N,) of each batch, and (N, 2) where in the batch each stands; requests in random order."""
        offsets = self.train.frame.offsets
        asked = self.random.permutation(self.asked)
        for start in range(0, len(asked), self.parameters.batch_size):
            chosen = asked[start : start + self.parameters.batch_size]
            within, rows = take_ranges(offsets[chosen], offsets[chosen + 1])
            group = np.repeat(np.arange(len(chosen)), np.diff(within))
            yield rows, np.stack([group, np.arange(len(rows)) - within[group]], axis=1)

    def _record(self, epoch: int, loss: float) -> None:
        reached = ndcg(self.validation, scores(self.network, self.held_out))
        self.curves[LOSS].append(loss)
        self.curves[NDCG].append(reached)
        log.info(
            "dcn epoch %d of %d: loss %.4f, validation ndcg@10 %.4f", epoch + 1, self.parameters.epochs, loss, reached
        )
