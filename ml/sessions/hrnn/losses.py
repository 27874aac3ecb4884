"""Losses of a next-item model, as small parts that compose; each gives one value a position.

Shapes: P positions that have a target (or, where a row has several, P targets of R rows), K negatives shared by all
of them, I items.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def log_expected_draws(probability: Tensor, draws: int) -> Tensor:
    """(K,) log of how often each negative was to be expected among the draws: the correction of log-q.

    Subtracted from the logits it makes the sum over the negatives an estimate of the sum over the catalogue
    (Bengio and Senécal, "Adaptive importance sampling", IEEE TNN 2008).

    Args:
        probability: (K,) of each negative in one draw.
        draws: How many were drawn, with replacement.
    """
    return torch.log(probability * draws)


def mask_hits(negatives: Tensor, drawn: Tensor, target: Tensor, row: Tensor | None = None) -> Tensor:
    """(R, K) the logits, -inf where a negative is a target of the row itself; written in place.

    Args:
        negatives: (R, K) logits.
        drawn: (K,) items that were drawn, in ascending order.
        target: (P,) items.
        row: (P,) the row of each target; None: each row has one.
    """
    first = torch.searchsorted(drawn, target)
    count = torch.searchsorted(drawn, target, right=True) - first  # (P,) few items were drawn more than once
    pair = torch.repeat_interleave(torch.arange(len(target), device=target.device), count)
    offset = torch.arange(len(pair), device=pair.device) - (count.cumsum(0) - count)[pair]
    hit = pair if row is None else row[pair]
    return negatives.index_put_((hit, first[pair] + offset), negatives.new_tensor(-torch.inf))


def softmax_loss(logits: Tensor, target: Tensor) -> Tensor:
    """(P,) cross entropy over the whole catalogue (P, I)."""
    return functional.cross_entropy(logits, target, reduction="none")


def sampled_softmax_loss(positive: Tensor, negatives: Tensor, row: Tensor | None = None) -> Tensor:
    """(P,) cross entropy of each positive (P,) among itself and the negatives (R, K) of its row.

    Args:
        positive: (P,) logits.
        negatives: (R, K) logits; -inf for what is none.
        row: (P,) the row of each positive; None: each row has one.
    """
    against: Tensor = _LogSumExp.apply(negatives)  # type: ignore[no-untyped-call]
    against = against if row is None else against[row]
    return torch.logaddexp(positive, against) - positive


class _LogSumExp(torch.autograd.Function):
    """`logsumexp` over rows that keeps the exponentials: half the passes over (P, K), which is most of a step."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor) -> Tensor:
        highest = logits.amax(dim=1, keepdim=True).clamp(min=torch.finfo(logits.dtype).min)
        exponential = (logits - highest).exp_()
        total = exponential.sum(dim=1, keepdim=True)
        ctx.save_for_backward(exponential, total)
        return (total.log() + highest).squeeze(1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        exponential, total = ctx.saved_tensors
        # Without any negative the total is 0, and so is the gradient.
        scaled: Tensor = exponential * (gradient[:, None] / total.clamp(min=torch.finfo(total.dtype).tiny))
        return scaled


def bpr_max_loss(positive: Tensor, negatives: Tensor, score_penalty: float) -> Tensor:
    """(P,) BPR-max (Hidasi and Karatzoglou, CIKM 2018): be above the negatives, most of all above the highest.

    Args:
        positive: (P,) scores.
        negatives: (P, K) scores; -inf for what is none.
        score_penalty: Weight of the negatives' squared scores.
    """
    weight = negatives.softmax(dim=1)  # (P, K); 0 for what is none
    finite = negatives.masked_fill(torch.isinf(negatives), 0)
    above = (weight * torch.sigmoid(positive[:, None] - finite)).sum(dim=1)  # (P,)
    return -torch.log(above + 1e-24) + score_penalty * (weight * finite**2).sum(dim=1)
