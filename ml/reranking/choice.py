"""What a person may choose for their own slate: it only ever takes items away."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ml.data.arrays import Bools, Indices
from ml.domains.reranking import Reranking
from ml.errors import BadInput
from ml.reranking.catalogue import Catalogue

Temper = Literal["conservative", "tolerant"]


@dataclass(frozen=True)
class Choice:
    """A temper towards risk, and the categories of interest; nothing chosen: everything fits."""

    risk: Temper | None = None
    interests: Sequence[str] = ()

    @property
    def made(self) -> bool:
        """Whether anything was chosen."""
        return bool(self.risk or self.interests)

    def fits(self, policy: Reranking, catalogue: Catalogue) -> Bools:
        """(I,) which items the person would see.

        Raises:
            BadInput: The domain declares no risk, or the catalogue has no such category.
        """
        fits = np.ones(len(catalogue), bool)
        if self.risk:
            fits &= self._bearable(policy, catalogue)
        if self.interests:
            fits &= np.isin(catalogue.category, self._categories(catalogue))
        return fits

    def _bearable(self, policy: Reranking, catalogue: Catalogue) -> Bools:
        if policy.risk is None:
            raise BadInput("nobody can choose by risk here: the domain declares no Reranking.risk")
        risk = catalogue.number(policy.risk.fact)  # NaN compares as false: what is not known fits no choice
        conservative = self.risk == "conservative"
        return risk <= policy.risk.conservative_maximum if conservative else risk >= policy.risk.tolerant_minimum

    def _categories(self, catalogue: Catalogue) -> Indices:
        known = list(catalogue.categories)
        if strange := sorted(set(self.interests) - set(known)):
            shown = ", ".join(map(str, known[:10])) + (", …" if len(known) > 10 else "")
            raise BadInput(f"no item is in category {strange[0]!r}; there are: {shown}")
        return np.array([known.index(name) for name in self.interests], np.int32)
