"""Fitting the network: epochs over windows of each user's sessions, each begun from nothing as an answer is."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.nn.utils import clip_grad_norm_

from ml.data.arrays import Ints
from ml.logs import get_logger, progress
from ml.neural import device_of, learning_rate_at, reproducible
from ml.sessions.hrnn.network import HrnnNetwork
from ml.sessions.hrnn.objective import Negatives
from ml.sessions.hrnn_retriever.objective import Objective
from ml.sessions.hrnn_retriever.parameters import HrnnRetrieverParameters
from ml.sessions.hrnn_retriever.prior import log_shares
from ml.sessions.hrnn_retriever.visits import Visits

log = get_logger(__name__)
CLIP = 5.0  # largest norm of a step's gradient


def train(
    visits: Visits, items: int, parameters: HrnnRetrieverParameters, *, seed: int, threads: int
) -> tuple[HrnnNetwork, list[float]]:
    """Fit the network; the same seed on the same machine gives the same weights.

    Args:
        visits: All sessions of each user.
        items: That have a vector.
        parameters: Of the network and its training.
        seed: Of everything drawn at random.
        threads: That torch may use.

    Returns:
        The network, ready to answer, and the mean loss of each epoch.
    """
    with reproducible(threads, seed):
        device, random = device_of(parameters.device), np.random.default_rng(seed)
        network = HrnnNetwork(items, parameters.network).to(device)
        counts = np.bincount(visits.items.values, minlength=items + 1)[1:]
        negatives = Negatives(counts, parameters.negatives, parameters.negative_power, random, device)
        wanted = np.bincount(visits.items.values[visits.wanted], minlength=items + 1)[1:]
        prior = torch.from_numpy(np.r_[np.float32(0), log_shares(wanted)]).to(device)
        objective = Objective(network, negatives, prior, random, whole=parameters.session == "cadence")
        curve = _epochs(visits, parameters, objective, random) if items else []
        return network.cpu().eval(), curve


def _epochs(
    visits: Visits, parameters: HrnnRetrieverParameters, objective: Objective, random: np.random.Generator
) -> list[float]:
    """The mean loss of each pass."""
    network, curve = objective.network.train(), []
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=parameters.learning_rate, weight_decay=parameters.weight_decay, fused=True
    )
    for epoch in range(parameters.epochs):
        batches, losses = list(_batches(visits, parameters, random)), []
        for number, (starts, stops) in enumerate(progress(batches, f"hrnn, epoch {epoch + 1}", len(batches))):
            for group in optimiser.param_groups:
                done = (epoch + (number + 1) / len(batches)) / parameters.epochs
                group["lr"] = parameters.learning_rate * learning_rate_at(done)
            loss = objective(visits.cut(starts, stops))
            if loss is not None:
                _descend(network, optimiser, loss)
                losses.append(float(loss.detach()))
        curve.append(float(np.mean(losses)) if losses else 0.0)
        log.info("hrnn epoch %d of %d: loss %.4f", epoch + 1, parameters.epochs, curve[-1])
    return curve


def _descend(network: HrnnNetwork, optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    recurrent = [network.session, *([] if network.user is None else [network.user])]
    clip_grad_norm_([weight for part in recurrent for weight in part.parameters()], CLIP)
    optimiser.step()


def _batches(
    visits: Visits, parameters: HrnnRetrieverParameters, random: np.random.Generator
) -> Iterator[tuple[Ints, Ints]]:
    """(W,) first session and end of the windows of each batch; those of one batch hold equally many sessions, nearly."""
    starts, stops = windows(visits, parameters.sessions_read + (parameters.user != "none"), random)
    order = random.permutation(len(starts))
    size = stops - starts
    order = order[np.argsort(-size[order], kind="stable")]
    batch = (np.cumsum(size[order]) - 1) // parameters.batch_size
    groups = np.split(order, np.flatnonzero(np.diff(batch)) + 1) if len(order) else []
    for at in random.permutation(len(groups)):
        yield starts[groups[at]], stops[groups[at]]


def windows(visits: Visits, length: int, random: np.random.Generator) -> tuple[Ints, Ints]:
    """(W,) first session and end of windows of at most `length` sessions of one row, cut at a random place."""
    phase = (random.random(len(visits)) * length).astype(np.int64)
    row = np.repeat(np.arange(len(visits)), visits.counts)
    place = np.arange(len(row)) - visits.sessions[row]
    begins = (place == 0) | ((place + phase[row]) % length == 0)
    starts = np.flatnonzero(begins)
    return starts, np.r_[starts[1:], len(row)][: len(starts)]
