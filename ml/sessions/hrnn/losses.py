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


def hits(drawn: Tensor, target: Tensor, row: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Rows and columns of (R, K) at which a negative is a target of the row itself.

    Args:
        drawn: (K,) items that were drawn, in ascending order.
        target: (P,) items.
        row: (P,) the row of each target; None: each row has one.
    """
    first = torch.searchsorted(drawn, target)
    count = torch.searchsorted(drawn, target, right=True) - first  # (P,) few items were drawn more than once
    pair = torch.repeat_interleave(torch.arange(len(target), device=target.device), count)
    offset = torch.arange(len(pair), device=pair.device) - (count.cumsum(0) - count)[pair]
    return pair if row is None else row[pair], first[pair] + offset


def mask_hits(negatives: Tensor, found: tuple[Tensor, Tensor]) -> Tensor:
    """(R, K) the logits with -inf at these rows and columns; written in place."""
    return negatives.index_put_(found, negatives.new_tensor(-torch.inf))


def softmax_loss(logits: Tensor, target: Tensor) -> Tensor:
    """(P,) cross entropy over the whole catalogue (P, I)."""
    return functional.cross_entropy(logits, target, reduction="none")


def log_sum_of_negatives(asked: Tensor, vectors: Tensor, bias: Tensor, found: tuple[Tensor, Tensor]) -> Tensor:
    """(R,) log of the sum of exp(logit) over each row's negatives; -inf where a row has none.

    Args:
        asked: (R, D) what each row asks for.
        vectors: (K, D) of the negatives; a logit is their product plus the bias.
        bias: (K,) no gradient goes there.
        found: Rows and columns that are no negatives (`hits`).
    """
    summed: Tensor = _LogSumOfProducts.apply(asked, vectors, bias, *found)  # type: ignore[no-untyped-call]
    return summed


def sampled_softmax_loss(positive: Tensor, against: Tensor) -> Tensor:
    """(P,) cross entropy of each positive among itself and its negatives.

    Args:
        positive: (P,) logits.
        against: (P,) log of the sum over its negatives (`log_sum_of_negatives`).
    """
    return torch.logaddexp(positive, against) - positive


class _LogSumOfProducts(torch.autograd.Function):
    """One buffer of (R, K), written in place: first logits, then their exponentials.

    Passes over it are most of a training step. The softmax itself is never formed: its products with the vectors are
    those of the exponentials, scaled by row.
    """

    @staticmethod
    def forward(ctx: Any, asked: Tensor, vectors: Tensor, bias: Tensor, row: Tensor, column: Tensor) -> Tensor:
        kept = mask_hits(torch.addmm(bias, asked, vectors.T), (row, column))
        highest = kept.amax(dim=1, keepdim=True).clamp_(min=torch.finfo(kept.dtype).min)
        total = kept.sub_(highest).exp_().sum(dim=1, keepdim=True)
        ctx.save_for_backward(asked, vectors, kept, total)
        return (total.log() + highest).squeeze(1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        asked, vectors, exponential, total = ctx.saved_tensors
        # Without any negative the total is 0, and so is the gradient.
        scale = gradient[:, None] / total.clamp(min=torch.finfo(total.dtype).tiny)
        return (exponential @ vectors) * scale, exponential.T @ (asked * scale), None, None, None


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
