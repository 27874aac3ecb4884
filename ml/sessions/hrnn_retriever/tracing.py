"""Running the network over visits: rows side by side, each row's sessions one after the other.

Rows stand in descending order of their number of sessions, so that those which are still there are always the first
ones, and no state is handed to anybody else.

Shapes: R rows, S sessions, P steps, N items of all steps, B sessions side by side, D embedding size, H hidden size.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ml.data.arrays import Indices, Ints
from ml.sessions.hrnn.network import HrnnNetwork, UserState, last_states
from ml.sessions.hrnn_retriever.visits import Visits


@dataclass(frozen=True)
class Trace:
    """All states of a network that has read visits."""

    before: UserState  # (S) of the user before each session
    states: Tensor  # (P, H) of the session after each step
    after: UserState  # (R) of the user after all sessions


def mean_directions(vectors: Tensor, position: Ints | Indices, offsets: Ints) -> Tensor:
    """(P, D) the mean direction of each step's items: how long a vector is says how sure a score is, not what was taken.

    Args:
        vectors: (V, D) of length one.
        position: (N,) the row of each item among the vectors; in the items' order, so that no other order is felt.
        offsets: (P + 1,) where each step's items begin.
    """
    index, starts = torch.from_numpy(position.astype(np.int64)), torch.from_numpy(offsets[:-1])
    device = vectors.device
    found: Tensor = functional.embedding_bag(index.to(device), vectors, starts.to(device), mode="mean")
    return found


def trace(network: HrnnNetwork, visits: Visits, steps: Tensor) -> Trace:
    """Read the visits, whose steps have these vectors (P, D)."""
    counts, device = visits.counts, steps.device
    order = np.argsort(-counts, kind="stable")
    user = UserState.empty(len(visits), network.parameters_.hidden_size, device)
    sessions, places = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    value, known, states = [user.value[:0]], [user.known[:0]], [user.value[:0]]
    for number in range(int(counts.max(initial=0))):
        there = int(np.count_nonzero(counts > number))
        session = visits.sessions[order[:there]] + number
        at, lengths = visits.padded(session)  # (B, T), (B,)
        before = UserState(user.value[:there], user.known[:there])
        found = network.states(steps[torch.from_numpy(at).to(device)], before)  # (B, T, H)
        real = np.arange(at.shape[1]) < lengths[:, None]
        sessions.append(session)
        places.append(at[real])
        value.append(before.value)
        known.append(before.known)
        states.append(found[torch.from_numpy(real).to(device)])
        user = _ended(network, user, before, last_states(found, torch.from_numpy(lengths).to(device)))
    return Trace(
        UserState(_placed(value, sessions), _placed(known, sessions)), _placed(states, places),
        UserState(*(part[torch.from_numpy(np.argsort(order)).to(device)] for part in (user.value, user.known))),
    )  # fmt: skip


def _ended(network: HrnnNetwork, user: UserState, before: UserState, ended: Tensor) -> UserState:
    """The users' states (R) after the sessions of the first of them have ended in these states (B, H)."""
    if network.user is None:
        return user
    after, there = network.user(ended, before), len(ended)
    return UserState(torch.cat([after.value, user.value[there:]]), torch.cat([after.known, user.known[there:]]))


def _placed(parts: list[Tensor], places: list[Ints]) -> Tensor:
    """The rows of all parts, each at its place."""
    order = torch.from_numpy(np.argsort(np.concatenate(places)))
    joined = torch.cat(parts)
    return joined[order.to(joined.device)]
