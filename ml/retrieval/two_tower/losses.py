"""Losses of a retriever, as small parts that compose.

Shapes: B requests, C distinct candidate items, N positive pairs of a request (`row`) and a candidate (`column`).
"""

import torch
from torch import Tensor
from torch.nn import functional


def inclusion_log_probability(drawn: Tensor, draws: int, uniform: int, items: int) -> Tensor:
    """Log q: how likely each candidate was to be among the negatives at all.

    A candidate comes in as somebody's positive (each of `draws` pairs is this item with probability `drawn`) or as
    one of `uniform` items drawn out of all `items`: mixed negative sampling (Yang et al. 2020). Candidates are
    distinct, so q is the probability of at least one draw.

    Args:
        drawn: (C,) probability that one positive pair of the batch's period is this item.
        draws: Positive pairs in the batch.
        uniform: Uniform draws in the batch.
        items: Size of the catalogue.
    """
    never = draws * torch.log1p(-drawn.clamp(max=1 - 1e-6)) + uniform * torch.log1p(torch.tensor(-1.0 / max(items, 2)))
    return torch.log(-torch.expm1(never)).clamp(min=-30.0)  # (C,)


def mask_hits(logits: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """The logits as negatives: a candidate that is itself a positive of the request never counts against it."""
    hits = torch.zeros_like(logits, dtype=torch.bool)
    hits[row, column] = True
    return logits.masked_fill(hits, -torch.inf)  # (B, C)


def hardest(negatives: Tensor, count: int) -> Tensor:
    """Only the highest-scored negatives of each request; all of them for a count of 0."""
    return negatives if not 0 < count < negatives.shape[1] else negatives.topk(count, dim=1).values  # (B, count)


def softmax_loss(positive: Tensor, negatives: Tensor, row: Tensor) -> Tensor:
    """Cross entropy of each positive among itself and its request's negatives (InfoNCE, van den Oord et al. 2018).

    With `log_q` subtracted from the logits first, this is the corrected sampled softmax of Yi et al. 2019.

    Args:
        positive: (N,) logits of the positives.
        negatives: (B, K) logits of the negatives; -inf for what is none.
        row: (N,) the request of each positive.
    """
    against = torch.logsumexp(negatives, dim=1)[row]  # (N,)
    return torch.logaddexp(positive, against) - positive  # (N,)


def triplet_loss(positive: Tensor, negatives: Tensor, row: Tensor, margin: float) -> Tensor:
    """Mean hinge by which a positive fails to lead each of its request's negatives by the margin.

    Args:
        positive: (N,) cosines of the positives.
        negatives: (B, K) cosines of the negatives; -inf for what is none.
        row: (N,) the request of each positive.
        margin: Required lead, in cosine.
    """
    against = negatives[row]  # (N, K)
    violation = functional.relu(margin - positive[:, None] + against)  # (N, K); 0 where there is no negative
    return violation.sum(1) / torch.isfinite(against).sum(1).clamp(min=1)  # (N,)


def weighted_mean(loss: Tensor, weight: Tensor) -> Tensor:
    """Mean of the pairs' losses under their weights; 0 where nothing weighs."""
    return (loss * weight).sum() / weight.sum().clamp(min=1e-12)
