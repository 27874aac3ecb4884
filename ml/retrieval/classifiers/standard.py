"""Inputs for linear models: categories one by one, everything of mean 0 and variance 1, what is not known at its mean.

Shapes: N rows, F inputs, W columns of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from ml.data.arrays import Floats, Ints


@dataclass(frozen=True)
class Standard:
    """How F inputs become W columns."""

    source: Ints  # (W,) the input of each column
    text: Floats  # (W,) which text of a category it stands for; NaN: a number
    mean: Floats  # (W,)
    scale: Floats  # (W,) standard deviation; 1 where nothing varies

    @classmethod
    def of(cls, values: Floats, names: tuple[str, ...], texts: Mapping[str, int]) -> Self:
        """As these (N, F) values vary.

        Args:
            values: NaN is what is not known.
            names: Of the inputs.
            texts: How many texts each category has, by input.
        """
        widths = [texts.get(name, 1) for name in names]
        source = np.repeat(np.arange(len(names)), widths)
        text = np.concatenate([np.arange(texts[name]) if name in texts else [np.nan] for name in names])
        plain = cls(
            source, text.astype(np.float32), np.zeros(len(source), np.float32), np.ones(len(source), np.float32)
        )
        columns = plain._expanded(values).astype(np.float64)
        known = ~np.isnan(columns)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, columns, 0).sum(axis=0) / count
        deviation = np.sqrt((np.where(known, columns - mean, 0) ** 2).sum(axis=0) / count)
        scale = np.where(deviation > 0, deviation, 1)
        return cls(source, plain.text, mean.astype(np.float32), scale.astype(np.float32))

    @property
    def width(self) -> int:
        """W."""
        return len(self.source)

    def columns(self, inputs: Ints) -> Ints:
        """The columns of these inputs."""
        return np.flatnonzero(np.isin(self.source, inputs))

    def apply(self, values: Floats) -> Floats:
        """(N, W) of (N, F) values."""
        found: Floats = np.nan_to_num((self._expanded(values) - self.mean) / self.scale, nan=0.0)
        return found

    def _expanded(self, values: Floats) -> Floats:
        columns = values[:, self.source]
        is_text = ~np.isnan(self.text)
        codes = columns[:, is_text]
        columns[:, is_text] = np.where(np.isnan(codes), np.float32(np.nan), codes == self.text[is_text])
        return columns

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """Its arrays by name."""
        return {f"{prefix}_{name}": getattr(self, name) for name in ("source", "text", "mean", "scale")}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], prefix: str) -> Self:
        """What `arrays` named."""
        return cls(*(arrays[f"{prefix}_{name}"] for name in ("source", "text", "mean", "scale")))
