"""One epoch of the same network as one would first write it in PyTorch: what `slate bench hrnn` compares with.

Sessions are shuffled and padded to the longest of their batch; look-ups, loss and optimiser are PyTorch's own.
Sessions stand alone: this loop knows no users.
"""

from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_

from ml.neural import reproducible
from ml.sessions.hrnn.batching import padded
from ml.sessions.hrnn.network import HrnnNetwork, UserState
from ml.sessions.hrnn.parameters import HrnnParameters
from ml.sessions.hrnn.training import CLIP, chosen_device
from ml.sessions.sessions import Sessions

Loss = Literal["softmax", "sampled_softmax"]


def train_plainly(sessions: Sessions, parameters: HrnnParameters, loss: Loss, *, seed: int, threads: int) -> float:
    """Learn one epoch and return its mean loss a batch."""
    with reproducible(threads, seed):
        device, random = chosen_device(parameters.device), np.random.default_rng(seed)
        network = HrnnNetwork(sessions.items, parameters).to(device)
        optimiser = torch.optim.AdamW(network.parameters(), parameters.learning_rate)
        popularity = torch.from_numpy((sessions.counts + 1.0) ** parameters.negative_power).to(device)  # (I,)
        losses = []
        order = random.permutation(len(sessions))
        for start in range(0, len(order), parameters.batch_size):
            items, _ = padded(sessions.clicks, order[start : start + parameters.batch_size])
            clicked = torch.from_numpy(items).long().to(device)  # (B, T)
            optimiser.zero_grad()
            value = _loss(network, clicked, loss, popularity, parameters.negatives)
            value.backward()  # type: ignore[no-untyped-call]
            clip_grad_norm_(network.session.parameters(), CLIP)
            optimiser.step()
            losses.append(float(value.detach()))
        return float(np.mean(losses))


def _loss(network: HrnnNetwork, clicked: Tensor, loss: Loss, popularity: Tensor, negatives: int) -> Tensor:
    nobody = UserState.empty(len(clicked), network.parameters_.hidden_size, clicked.device)
    wanted = network.read(network.states(network.vectors(clicked[:, :-1]), nobody))  # (B, T - 1, D)
    real = clicked[:, 1:] > 0
    wanted, target = wanted[real] * network.scale, clicked[:, 1:][real]  # (P, D), (P,)
    if loss == "softmax":
        catalogue = network.vectors(torch.arange(1, network.items + 1, device=clicked.device))
        return functional.cross_entropy(wanted @ catalogue.T, target - 1)
    drawn = torch.multinomial(popularity, negatives, replacement=True) + 1  # (K,)
    expected = popularity[drawn - 1] / popularity.sum() * negatives
    against = wanted @ network.vectors(drawn).T - expected.log().float()  # (P, K)
    against = against.masked_fill(drawn == target[:, None], -torch.inf)
    positive = (wanted * network.vectors(target)).sum(dim=1, keepdim=True)
    return functional.cross_entropy(torch.cat([positive, against], dim=1), torch.zeros_like(target))
