"""What is learned from visits: what a session begins with, what follows a step, what else is in a basket.

Shapes: S sessions, P steps, M moments at which something is asked, T targets of all moments, K negatives, V vectors
of a batch, D embedding size, H hidden size.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ml.data.arrays import Indices, Ints, take_ranges
from ml.sessions.hrnn.losses import hits, log_sum_of_negatives, sampled_softmax_loss
from ml.sessions.hrnn.network import HrnnNetwork, UserState
from ml.sessions.hrnn.objective import Negatives
from ml.sessions.hrnn_retriever.tracing import Trace, mean_directions, trace
from ml.sessions.hrnn_retriever.visits import Visits, offsets_of


@dataclass(frozen=True)
class Asked:
    """Moments of a batch, and what is then to be found."""

    states: Tensor  # (M, H)
    row: Ints  # (T,) the moment of each target
    target: Ints  # (T,) places among the items of all steps


@dataclass(frozen=True)
class Vectors:
    """The vectors that a batch needs, looked up once: each look-up costs a gradient of the size of the catalogue."""

    of: Tensor  # (V, D)
    directions: Tensor  # (V, D) the same at length one
    position: Ints  # (N,) the row of each item of the visits
    drawn: Tensor  # (K,) items, ascending
    drawn_position: Ints  # (K,)


class Objective:
    """The mean loss of a batch of visits."""

    def __init__(
        self, network: HrnnNetwork, negatives: Negatives, prior: Tensor, random: np.random.Generator, *, whole: bool
    ) -> None:
        """Of a network and what is added to its logits (V + 1,), with drawn negatives; `random` parts the baskets.

        Where sessions are `whole`, all that one brings is asked for at its beginning, else its first step.
        """
        self.network, self.negatives, self.prior, self.random, self.whole = network, negatives, prior, random, whole

    def __call__(self, visits: Visits) -> Tensor | None:
        """Sampled softmax with the correction of log-q, each target counting the same; None: nothing is asked."""
        vectors = self._vectors(visits)
        steps = mean_directions(vectors.directions, vectors.position, visits.items.offsets)
        found = trace(self.network, visits, steps)
        asked = [self._beginnings(visits, found), self._sequels(visits, found), self._rests(visits, found, vectors)]
        size = np.cumsum([0, *(len(part.states) for part in asked)])
        row = np.concatenate([part.row + start for part, start in zip(asked, size[:-1], strict=True)])
        if not len(row):
            return None
        states = torch.cat([part.states for part in asked])
        return self._loss(states, row, visits.items.values, np.concatenate([part.target for part in asked]), vectors)

    def _vectors(self, visits: Visits) -> Vectors:
        drawn = self.negatives.drawn()
        number, position = np.unique(np.r_[visits.items.values, drawn.cpu().numpy()], return_inverse=True)
        of = self.network.vectors(torch.from_numpy(number).to(drawn.device))
        return Vectors(of, functional.normalize(of), position[: -len(drawn)], drawn, position[-len(drawn) :])

    def _beginnings(self, visits: Visits, found: Trace) -> Asked:
        """The first step of each session of a known user, or all, asked of the state in which the session starts."""
        session = np.flatnonzero(found.before.known.cpu().numpy())
        start = self.network.start(_rows(found.before, session))
        first = visits.steps[session]
        return _asked(start, visits, first, visits.steps[session + 1] if self.whole else first + 1)

    def _sequels(self, visits: Visits, found: Trace) -> Asked:
        """Each step after its session's first, asked of the state after the step before it."""
        later = np.ones(len(visits.items), bool)
        later[visits.steps[:-1]] = False
        step = np.flatnonzero(later)
        return _asked(found.states[_tensor(step - 1, found.states)], visits, step, step + 1)

    def _rests(self, visits: Visits, found: Trace, vectors: Vectors) -> Asked:
        """A random half of each step of several items, asked of the state after the other half."""
        step = np.flatnonzero(visits.items.lengths > 1)
        offsets, at = take_ranges(visits.items.offsets[step], visits.items.offsets[step + 1])
        row, hidden = halves(offsets, self.random)
        shown = mean_directions(vectors.directions, vectors.position[at[~hidden]], offsets_of(row[~hidden], len(step)))
        session = visits.session_of_step[step]
        user = _rows(found.before, session)
        first = _tensor(visits.steps[session] == step, shown)[:, None]
        before = found.states[_tensor(np.maximum(step - 1, 0), shown)]
        before = torch.where(first, self.network.start(user), before)
        states = self.network.onward(shown[:, None], before, user)[:, 0]
        wanted = hidden & visits.wanted[at]
        return Asked(states, row[wanted], at[wanted])

    def _loss(self, states: Tensor, row: Ints, items: Indices, target: Ints, vectors: Vectors) -> Tensor:
        asked = self.network.read(states)  # (M, D)
        of, item = _tensor(row, states), _tensor(items[target].astype(np.int64), states)
        positive = (asked[of] * vectors.of[_tensor(vectors.position[target], states)]).sum(dim=1)  # (T,)
        drawn = vectors.of[_tensor(vectors.drawn_position, states)]  # (K, D)
        corrected = self.prior[vectors.drawn] - self.negatives.log_expected(vectors.drawn)  # (K,)
        against = log_sum_of_negatives(asked, drawn, corrected, hits(vectors.drawn, item, of))  # (M,)
        return sampled_softmax_loss(positive + self.prior[item], against[of]).mean()


def halves(offsets: Ints, random: np.random.Generator) -> tuple[Ints, np.ndarray]:
    """(N,) the step of each item, and whether it is one of the n // 2 of its step's n items that are hidden."""
    row = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    order = np.lexsort((random.random(len(row)), row))
    hidden = np.zeros(len(row), bool)
    hidden[order] = np.arange(len(row)) - offsets[row] < (np.diff(offsets) // 2)[row]
    return row, hidden


def _asked(states: Tensor, visits: Visits, first: Ints, stop: Ints) -> Asked:
    """The wanted items of these ranges of steps (M,), asked of these states."""
    offsets, at = take_ranges(visits.items.offsets[first], visits.items.offsets[stop])
    wanted = visits.wanted[at]
    return Asked(states, np.repeat(np.arange(len(first)), np.diff(offsets))[wanted], at[wanted])


def _rows(user: UserState, rows: Ints) -> UserState:
    at = _tensor(rows, user.value)
    return UserState(user.value[at], user.known[at])


def _tensor(array: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(array).to(like.device)
