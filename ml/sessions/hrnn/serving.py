"""A fitted network at work: states of users, and answers to prefixes.

Shapes: B queries, D embedding size, H hidden size, U users, I items, K ranks.
"""

import tempfile

import numpy as np
import torch

from ml.data.arrays import Floats, Indices, Ints, Ragged
from ml.sessions.hrnn.batching import Chains, padded
from ml.sessions.hrnn.network import HrnnNetwork, UserState, last_states
from ml.sessions.sessions import UNKNOWN, Sessions

LANES = 256  # users whose states are computed at a time


@torch.inference_mode()
def states_of_users(network: HrnnNetwork, sessions: Sessions, lanes: int = LANES) -> tuple[Floats, Floats]:
    """(U, H) each user's state after all its sessions, and (U, 1) whether it has any.

    The states stand in a file that has no name, so that memory does not grow with the number of users.
    """
    hidden = network.parameters_.hidden_size
    users = int(sessions.user.max(initial=UNKNOWN)) + 1
    states, known = _on_disk(users, hidden), np.zeros((users, 1), np.float32)
    layer = network.user
    if layer is None or not users:
        return states, known
    named = sessions.take(np.flatnonzero(sessions.user != UNKNOWN))
    chains = Chains.of(named)
    for group, steps in chains.groups(lanes, named.clicks.lengths):
        user = UserState.empty(len(group), hidden, torch.device("cpu"))
        for step in steps:
            items, lengths = padded(named.clicks, step.row)
            before = UserState(user.value[step.lane], user.known[step.lane])
            clicked = network.states(network.vectors(torch.from_numpy(items).long()), before)
            after = layer(last_states(clicked, torch.from_numpy(np.maximum(lengths, 1))), before)
            user.value[step.lane], user.known[step.lane] = after.value, after.known
        states[chains.user[group]], known[chains.user[group]] = user.value.numpy(), user.known.numpy()
    return states, known


def _on_disk(rows: int, columns: int) -> Floats:
    """(R, C) zeros; where there is nothing to hold, in memory: an empty file cannot be mapped."""
    if not rows * columns:
        return np.zeros((rows, columns), np.float32)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, np.float32, "w+", shape=(rows, columns))


@torch.inference_mode()
def wanted(network: HrnnNetwork, prefix: Ragged, rows: Ints, state: Floats, known: Floats) -> Floats:
    """(B, D) what these prefixes, none of them empty, ask for, begun from the users' states (B, H)."""
    items, lengths = padded(prefix, rows)
    user = UserState(torch.from_numpy(state), torch.from_numpy(known))
    states = network.read(network.states(network.vectors(torch.from_numpy(items).long()), user))
    found: Floats = last_states(states, torch.from_numpy(lengths)).numpy()
    return found


@torch.inference_mode()
def catalogue(network: HrnnNetwork) -> torch.Tensor:
    """(I, D) the vectors of all items."""
    return network.vectors(torch.arange(1, network.items + 1))


@torch.inference_mode()
def best(vectors: torch.Tensor, scale: float, asked: Floats, k: int) -> tuple[Indices, Floats]:
    """(B, K) the nearest items and their logits, best first."""
    found = (torch.from_numpy(asked) @ vectors.T).topk(k, dim=1)
    return found.indices.int().numpy(), (found.values * scale).numpy()


@torch.inference_mode()
def scores(vectors: torch.Tensor, scale: float, asked: Floats, candidates: Ragged) -> Floats:
    """(N,) logits of each candidate, a row a query."""
    near = vectors[torch.from_numpy(candidates.values.astype(np.int64))]
    found: Floats = ((torch.from_numpy(asked)[candidates.rows] * near).sum(dim=1) * scale).numpy()
    return found
