"""Carrying what a network has learned over to a catalogue that has changed."""

import numpy as np
import torch

from ml.data.arrays import Floats, Ints
from ml.errors import BadInput
from ml.sessions.hrnn.network import HrnnNetwork
from ml.sessions.sessions import UNKNOWN


def carried(network: HrnnNetwork, before: Ints, content: Floats | None, *, seed: int) -> HrnnNetwork:
    """The network over a new catalogue; an item that both know keeps its vector.

    A new item's id says nothing yet: with content its vector is zero, so that its features alone place it; without,
    it is drawn at random, near to nothing that anybody asks for.

    Args:
        network: Of the catalogue before.
        before: (I,) each item's number in the catalogue before; UNKNOWN: a new item.
        content: (I, F) features of the items now, for a network that was learned with features.
        seed: Of the vectors that are drawn.

    Raises:
        BadInput: where the features are not those that the network was learned with.
    """
    features = None if content is None else checked_content(content, len(before))
    learned = None if network.content is None else network.content.features.shape[1]
    if learned != (None if features is None else features.shape[1]):
        raise BadInput(f"content: the network was learned with {learned or 'no'} features an item: hand in the same")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        grown = HrnnNetwork(len(before), network.parameters_, features)
    own = {"item.weight", "content.features"}
    kept = {name: value for name, value in network.state_dict().items() if name not in own}
    grown.load_state_dict(grown.state_dict() | kept)
    known = before != UNKNOWN
    with torch.no_grad():
        if features is not None:
            grown.item.weight.zero_()
        grown.item.weight[1 + np.flatnonzero(known)] = network.item.weight[1 + before[known]]
    return grown.eval()


def checked_content(content: Floats, items: int) -> torch.Tensor:
    """(I, F) the features as a tensor.

    Raises:
        BadInput: names the item and the feature that is no finite number, or the shape that does not fit.
    """
    if content.ndim != 2 or len(content) != items:
        raise BadInput(f"content: is of shape {content.shape}, the catalogue has {items} items: hand in a row an item")
    bad = np.argwhere(~np.isfinite(content))
    if len(bad):
        item, feature = bad[0]
        raise BadInput(f"content, item {item}, feature {feature}: is {content[item, feature]}: fill it in")
    return torch.from_numpy(np.ascontiguousarray(content, np.float32))
