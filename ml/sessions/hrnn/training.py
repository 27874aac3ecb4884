"""Fitting the recurrent network: epochs over groups of users, a step for each of their sessions."""

import os
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from ml.artifacts import digest
from ml.data.arrays import Floats, Indices
from ml.errors import BadInput
from ml.logs import get_logger, progress
from ml.neural import learning_rate_at, reproducible
from ml.sessions.hrnn.batching import Chains, Step, padded, prefixes
from ml.sessions.hrnn.checkpoint import Checkpoint, Moving
from ml.sessions.hrnn.course import Course, Spent
from ml.sessions.hrnn.network import HrnnNetwork, UserState, last_states
from ml.sessions.hrnn.objective import Batch, Objective
from ml.sessions.hrnn.parameters import HrnnParameters
from ml.sessions.hrnn.warm_start import checked_content
from ml.sessions.hrnn.workers import Workers, joined
from ml.sessions.sessions import Sessions

log = get_logger(__name__)
CLIP = 5.0  # largest norm of a step's gradient


def train(
    sessions: Sessions, parameters: HrnnParameters, *, seed: int, threads: int,
    content: Floats | None = None, start: HrnnNetwork | None = None, checkpoint: Path | None = None,
) -> tuple[HrnnNetwork, list[float], Spent]:  # fmt: skip
    """Fit the network; the same seed on the same machine gives the same weights.

    Args:
        sessions: S of them.
        parameters: Of the network and its training.
        seed: Of everything drawn at random.
        threads: That torch may use.
        content: (I, F) features of the items.
        start: A network of the same catalogue and sizes whose weights are the first ones.
        checkpoint: File that holds the state after the last epoch; a training that was killed goes on from it.

    Returns:
        The network, ready to answer; the mean loss of each epoch; and what the epochs before a kill took, if any.

    Raises:
        BadInput: where the features, the network to start from or the checkpoint do not fit.
    """
    device = chosen_device(parameters.device)
    with reproducible(threads, seed), joined(device) as workers:
        network = _network(sessions.items, parameters, content, start)
        training = _Training(sessions, parameters, network.to(device), workers, seed)
        kept = None if checkpoint is None or workers.rank else checkpoint
        return training.run(Checkpoint(kept, _key(sessions, parameters, seed, content, start) if kept else ""))


def chosen_device(wanted: str) -> torch.device:
    """The device of this name; `auto`: CUDA where there is any, each of several processes its own."""
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if wanted == "cuda" else torch.device(wanted)


def _network(items: int, parameters: HrnnParameters, content: Floats | None, start: HrnnNetwork | None) -> HrnnNetwork:
    features = None if content is None else checked_content(content, items)
    network = HrnnNetwork(items, parameters, features)
    if start is not None:
        took, needed = (
            {name: tuple(each.shape) for name, each in one.state_dict().items()} for one in (start, network)
        )
        if took != needed:
            differs = sorted(name for name in took.keys() | needed.keys() if took.get(name) != needed.get(name))
            raise BadInput(
                f"start: the model to start from differs in {', '.join(differs)}: "
                "take its own parameters, and carry it over to the new catalogue first"
            )
        network.load_state_dict(start.state_dict())
    return network


def _key(
    sessions: Sessions, parameters: HrnnParameters, seed: int, content: Floats | None, start: HrnnNetwork | None
) -> str:
    """Identifies a training by all that it begins with."""
    arrays = [content, None if start is None else start.item.weight.detach().numpy()]
    begun = [None if array is None else sha256(np.ascontiguousarray(array).tobytes()).hexdigest() for array in arrays]
    return digest([parameters.model_dump(mode="json"), seed, sessions.digest(), *begun])


class _Training:
    """One fit: the state that its epochs hand on."""

    def __init__(
        self, sessions: Sessions, parameters: HrnnParameters, network: HrnnNetwork, workers: Workers, seed: int
    ) -> None:
        self.parameters, self.network, self.workers = parameters, network, workers
        self.device = network.item.weight.device
        whole = parameters.training == "sequences"
        self.sessions = sessions if whole else prefixes(sessions)
        self.chains = Chains.of(self.sessions)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=parameters.learning_rate, weight_decay=parameters.weight_decay, fused=True
        )
        self.random = np.random.default_rng(seed)
        self.objective = Objective(sessions, parameters, self.random, self.device)
        self.weight = self.sessions.recency(parameters.half_life)
        batches = -(-len(self.sessions) // parameters.batch_size)
        self.epochs = max(parameters.epochs, -(-parameters.least_steps // max(batches, 1)))

    def run(self, checkpoint: Checkpoint) -> tuple[HrnnNetwork, list[float], Spent]:
        """All epochs, or those that are left after the checkpoint."""
        moving, began = Moving(self.network, self.optimiser, self.random), Spent.now()
        before = checkpoint.restore(moving)
        curve = before.curve
        if curve:
            log.info("hrnn goes on after epoch %d", len(curve))
        for epoch in range(len(curve), self.epochs):
            curve.append(self._epoch(epoch))
            checkpoint.write(moving, Course(curve, before.spent.plus(Spent.now().since(began))))
            log.info("hrnn epoch %d of %d: loss %.4f", epoch + 1, self.epochs, curve[-1])
        return self.network.cpu().eval(), curve, before.spent

    def _epoch(self, epoch: int) -> float:
        """The mean loss of one pass."""
        self.network.train()
        groups = list(self.chains.groups(self.parameters.batch_size, self.sessions.clicks.lengths, self.random))
        losses: list[float] = []
        for number, (users, steps) in enumerate(progress(groups, f"hrnn, epoch {epoch + 1}", len(groups))):
            done = (epoch + (number + 1) / len(groups)) / self.epochs
            for group in self.optimiser.param_groups:
                group["lr"] = self.parameters.learning_rate * learning_rate_at(done)
            losses += self._group(len(users), steps)
        return float(np.mean(losses)) if losses else 0.0

    def _group(self, users: int, steps: list[Step]) -> list[float]:
        """One step of the optimiser for each session of the group's users; gradients reach back one session."""
        before = UserState.empty(users, self.parameters.hidden_size, self.device)
        ended = torch.zeros_like(before.value)  # (users, H) states in which the last sessions ended
        losses = []
        for step in map(self.workers.own, steps):
            items, lengths = padded(self.sessions.clicks, step.row)
            batch = self.objective.embed(self.network, items)
            if not len(step.row):  # all of this step's users are other processes'
                losses += self._descend(batch.embedded.sum() * 0, torch.zeros((), device=self.device))
                continue
            lane = torch.from_numpy(step.lane).to(self.device)
            user = UserState(before.value[lane], before.known[lane])
            if not step.first and self.network.user is not None:
                user = self.network.user(ended[lane], user)
            states = self.network.states(batch.embedded, user)  # (B, T, H)
            losses += self._descend(*self._loss(states, batch, items, step))
            at_end = last_states(states.detach(), torch.from_numpy(np.maximum(lengths, 1)).to(self.device))
            before, ended = _kept(before, lane, user), ended.index_copy(0, lane, at_end)
        return losses

    def _loss(self, states: Tensor, batch: Batch, items: Indices, step: Step) -> tuple[Tensor, Tensor]:
        """The weighted sum of the losses of a batch, and the sum of their weights."""
        target = targets(items, only_last=self.parameters.training == "prefixes")  # (B, T)
        row, place = np.nonzero(target)
        at = torch.from_numpy(row).to(self.device), torch.from_numpy(place).to(self.device)
        wanted = self.network.read(states[:, :-1])[at]  # (P, D); nothing follows a last click
        after = at[0] * items.shape[1] + at[1] + 1  # a target is the click that follows
        following = torch.from_numpy(target[row, place]).long().to(self.device)
        loss = self.objective(self.network, batch, wanted, following, after)
        weight = torch.from_numpy(self.weight[step.row][row]).to(self.device)
        return (loss * weight).sum(), weight.sum()

    def _descend(self, loss: Tensor, weight: Tensor) -> list[float]:
        """One step of the optimiser by the mean loss of all processes; none where there is no click to predict."""
        total = self.workers.total(weight)
        if total == 0:
            return []
        self.optimiser.zero_grad(set_to_none=True)
        (loss / total).backward()  # type: ignore[no-untyped-call]
        self.workers.sum_gradients(self.network.parameters())
        clip_grad_norm_(self.network.session.parameters(), CLIP)
        self.optimiser.step()
        return [float(self.workers.total(loss.detach()) / total)]


def targets(items: Indices, *, only_last: bool) -> Indices:
    """(B, T) the item that follows each click of `items` (B, T), 1-based; 0: nothing to predict."""
    target = np.zeros_like(items)
    target[:, :-1] = items[:, 1:]
    if only_last:
        final = np.maximum(np.count_nonzero(items, axis=1) - 2, 0)
        target *= np.arange(items.shape[1]) == final[:, None]
    return target


def _kept(before: UserState, lane: Tensor, user: UserState) -> UserState:
    """The states with those of these lanes replaced; no gradient goes further back."""
    return UserState(
        before.value.index_copy(0, lane, user.value.detach()), before.known.index_copy(0, lane, user.known.detach())
    )
