"""DCN v2 (Wang, Shivanna, Cheng, Jain, Lin, Hong and Chi, WWW 2021), cross and deep towers in parallel.

Shapes: N rows, F scaled features, D inputs (features and the marks of unknown ones), K rank, H units.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from ml.ranking.dcn.parameters import DcnParameters


class CrossLayer(nn.Module):
    """x ↦ x0 ⊙ (W x + b) + x, with W = U Vᵀ of a low rank where that is less."""

    def __init__(self, size: int, rank: int) -> None:
        super().__init__()
        self.linear: nn.Module = nn.Linear(size, size)
        if 0 < rank < size:
            self.linear = nn.Sequential(nn.Linear(size, rank, bias=False), nn.Linear(rank, size))

    def forward(self, first: Tensor, x: Tensor) -> Tensor:
        """(N, D) from the inputs (N, D) and the layer before (N, D)."""
        crossed: Tensor = first * self.linear(x) + x
        return crossed


class DcnNetwork(nn.Module):
    """A logit a row, whatever its position."""

    gaps: Tensor  # (F,) which features may be unknown

    def __init__(self, gaps: Tensor, parameters: DcnParameters) -> None:
        super().__init__()
        self.register_buffer("gaps", gaps, persistent=False)
        size = len(gaps) + int(gaps.sum())
        self.cross = nn.ModuleList(CrossLayer(size, parameters.cross_rank) for _ in range(parameters.cross_layers))
        units = [size, *parameters.hidden_sizes]
        deep: list[nn.Module] = []
        for before, after in pairwise(units):
            deep += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(parameters.dropout)]
        self.deep = nn.Sequential(*deep)
        self.logit = nn.Linear(size + units[-1], 1)

    def forward(self, scaled: Tensor) -> Tensor:
        """(N,) logits of scaled features (N, F), NaN where one is not known."""
        unknown = scaled.isnan()  # (N, F)
        first = torch.cat([scaled.nan_to_num(), unknown[:, self.gaps].to(scaled.dtype)], dim=1)  # (N, D)
        crossed = first
        for layer in self.cross:
            crossed = layer(first, crossed)  # (N, D)
        both = torch.cat([crossed, self.deep(first)], dim=1)  # (N, D + H)
        logit: Tensor = self.logit(both)[:, 0]
        return logit


class PositionTower(nn.Module):
    """A logit a position, added in training and left out at serving.

    In the listwise softmax the sum of both logits is log(examination · relevance): the position-based click model.
    The tower takes what the position explains, so that the network need not.
    """

    def __init__(self, positions: int) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.zeros(positions))

    def forward(self, position: Tensor) -> Tensor:
        """(N,) logits of positions (N,)."""
        return self.logit[position]

    def examination(self) -> list[float]:
        """How likely each position is to be examined, relative to the first."""
        relative: list[float] = (self.logit - self.logit[0]).exp().tolist()
        return relative
