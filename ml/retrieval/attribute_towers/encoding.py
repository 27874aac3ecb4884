"""From facts to the towers' tensors, the same way in training and in serving.

Shapes: N rows, F facts that are numbers, G that are categories.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ml.data.arrays import Floats, Strings
from ml.data.facts import FactTable
from ml.domains.facts import Fact
from ml.retrieval.two_tower.encoding import Scaling
from ml.retrieval.two_tower.network import Tensors

LIMIT = 5.0  # deviations at which a number is cut off: one user's millions must not drown what the others show


@dataclass(frozen=True)
class FactBatch(Tensors):
    """N rows of facts as a tower reads them."""

    numbers: Tensor  # (N, F) standardised; 0 where unknown
    unknown: Tensor  # (N, F) 1 where unknown
    codes: Tensor  # (N, G) 1-based place of a category's text; 0: unknown

    def take(self, rows: Tensor) -> "FactBatch":
        """These rows, in this order."""
        return FactBatch(self.numbers[rows], self.unknown[rows], self.codes[rows])


@dataclass(frozen=True)
class FactEncoder:
    """What turns facts into tensors; fixed once the model is fitted."""

    facts: Mapping[str, Fact]
    categories: Mapping[str, Strings]
    scaling: Scaling  # of the facts that are numbers

    @classmethod
    def of(cls, table: FactTable) -> "FactEncoder":
        """The encoder of the facts of a table, scaled by its known values."""
        return cls(dict(table.facts), dict(table.categories), _scaling(table.values[:, _numeric(table.facts)]))

    @property
    def texts(self) -> list[int]:
        """(G,) how many texts of each category are known."""
        return [len(self.categories[name]) for name, fact in self.facts.items() if fact.kind == "category"]

    def __call__(self, table: FactTable, rows: int) -> FactBatch:
        """Facts of `rows` rows; what this model did not learn from is left out, what is not there is unknown."""
        values = table.aligned(self.facts, self.categories, rows).values
        numeric = _numeric(self.facts)
        numbers = self.scaling(values[:, numeric])
        unknown = np.isnan(numbers)
        codes = values[:, ~numeric] + 1
        return FactBatch(
            torch.from_numpy(np.where(unknown, 0, np.clip(numbers, -LIMIT, LIMIT)).astype(np.float32)),
            torch.from_numpy(unknown.astype(np.float32)),
            torch.from_numpy(np.where(np.isnan(codes), 0, codes).astype(np.int64)),
        )

    def described(self) -> dict[str, Any]:
        """All that the encoder knows, for JSON."""
        return {
            "facts": {name: fact.model_dump(mode="json") for name, fact in self.facts.items()},
            "categories": {name: list(map(str, texts)) for name, texts in self.categories.items()},
            "mean": self.scaling.mean.tolist(),
            "deviation": self.scaling.deviation.tolist(),
        }

    @classmethod
    def from_described(cls, described: Mapping[str, Any]) -> "FactEncoder":
        """The encoder that `described` took apart."""
        return cls(
            {name: Fact.model_validate(fact) for name, fact in described["facts"].items()},
            {name: np.array(texts, object) for name, texts in described["categories"].items()},
            Scaling(np.array(described["mean"], np.float32), np.array(described["deviation"], np.float32)),
        )


def _numeric(facts: Mapping[str, Fact]) -> np.ndarray:
    return np.array([fact.kind != "category" for fact in facts.values()], bool)


def _scaling(values: Floats) -> Scaling:
    """Of each column's known values; a column that is constant or unknown keeps its size."""
    known = ~np.isnan(values)
    count = np.maximum(known.sum(0), 1)
    mean = np.where(known, values, 0).sum(0, dtype=np.float64) / count
    deviation = np.sqrt((np.where(known, values - mean, 0) ** 2).sum(0, dtype=np.float64) / count)
    return Scaling(mean.astype(np.float32), np.where(deviation > 1e-6, deviation, 1).astype(np.float32))
