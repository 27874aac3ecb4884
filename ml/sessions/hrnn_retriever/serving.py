"""A fitted network at work: what requests ask for.

Shapes: R requests, V items that have a vector, D embedding size.
"""

import numpy as np
import torch

from ml.data.arrays import Bools, Floats
from ml.sessions.hrnn.network import HrnnNetwork
from ml.sessions.hrnn_retriever.tracing import mean_directions, trace
from ml.sessions.hrnn_retriever.visits import Visits


@torch.inference_mode()
def all_vectors(network: HrnnNetwork) -> Floats:
    """(V + 1, D) the vectors of all items by their 1-based number."""
    found: Floats = network.vectors(torch.arange(network.items + 1)).numpy()
    return found


@torch.inference_mode()
def asked_for(network: HrnnNetwork, directions: Floats, visits: Visits, in_session: Bools) -> Floats:
    """(R, D) vectors; without meaning for who never came.

    Args:
        network: In evaluation mode.
        directions: (V + 1, D) the items' vectors at length one.
        visits: The sessions of R requests, a current one last.
        in_session: (R,) whether there is a current one.
    """
    steps = mean_directions(torch.from_numpy(directions), visits.items.values, visits.items.offsets)
    found = trace(network, visits, steps)
    state = network.start(found.after)  # (R, H)
    # Who knows no users goes on from the latest session.
    going_on = np.flatnonzero((visits.counts > 0) & (in_session | (network.user is None)))
    last = visits.steps[visits.sessions[going_on + 1]] - 1
    state[torch.from_numpy(going_on)] = found.states[torch.from_numpy(last)]
    asked: Floats = network.read(state).numpy()
    return asked
