"""Generators write a source's raw files from a seed; each is registered here by its name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from ml.data.generators import santander
from ml.data.generators.santander.samples import draw_samples
from ml.errors import BadInput


class Generate(Protocol):
    """Writes the raw files of some customers into a folder and returns what it wrote."""

    def __call__(self, folder: Path, *, customers: int, months: int = ..., seed: int) -> Mapping[str, Any]:
        """Write the files; the same arguments give the same bytes.

        Returns:
            What was written; `rows` counts those of each file, that of the customers' history first.
        """


class Draw(Protocol):
    """Draws customer-product samples (`ml.data.samples`) from what a generator wrote."""

    def __call__(self, folder: Path, *, samples: int, seed: int) -> pd.DataFrame:
        """Draw this many rows at most; the same arguments give the same rows."""


GENERATORS: dict[str, Generate] = {"santander": santander.generate}
SAMPLES: dict[str, Draw] = {"santander": draw_samples}


def get_generator(name: str) -> Generate:
    """The generator of this name; raises `BadInput` for any other."""
    if name not in GENERATORS:
        raise BadInput(f"there is no generator {name!r}; there are: {', '.join(sorted(GENERATORS))}")
    return GENERATORS[name]
