"""The listwise softmax over the candidates of each request.

Shapes: B requests, L most candidates of one, N rows.
"""

from torch import Tensor


def softmax_loss(logits: Tensor, gain: Tensor, place: Tensor) -> Tensor:
    """Mean of −log softmax over a request's candidates, each row counting as its gain (ListNet, Cao et al. 2007).

    Weighting each click by its inverse propensity makes the loss unbiased (Ai, Bi, Luo, Guo and Croft, SIGIR 2018).

    Args:
        logits: (N,).
        gain: (N,) not negative.
        place: (N, 2) the request of the batch and the rank within it at which each row stands.

    Returns:
        A scalar; 0 where nothing has a gain.
    """
    request, rank = place.unbind(dim=1)
    shape = (int(request.max()) + 1, int(rank.max()) + 1)
    padded = logits.new_full(shape, float("-inf")).index_put((request, rank), logits)  # (B, L)
    log_share = logits - padded.logsumexp(dim=1)[request]  # (N,)
    return -(gain * log_share).sum() / gain.sum().clamp_min(1e-9)
