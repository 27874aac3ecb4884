"""Saving and loading of models that are made of parameters and arrays: one .npy file an array, no pickle."""

from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from scipy.sparse import csr_array

from ml.artifacts import read_json, write_json
from ml.data.arrays import mapped
from ml.domains.frozen import Frozen

PARAMETERS = "parameters.json"
SPARSE_PARTS = ("data", "indices", "indptr", "shape")


@dataclass(frozen=True)
class Stored:
    """A model whose fields are `parameters` and, for the rest, arrays, sparse matrices and plain numbers.

    A field with a default may be None; it takes the default where the model was saved before there was such a field.
    """

    Parameters: ClassVar[type[Frozen]]

    parameters: Frozen

    def save(self, folder: Path) -> None:
        """Write `parameters.json` and one .npy file an array (four for a sparse matrix)."""
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / PARAMETERS, self.parameters.model_dump(mode="json"))
        for field in fields(self)[1:]:
            for name, array in _parts(field.name, getattr(self, field.name)).items():
                np.save(folder / f"{name}.npy", array, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        parameters = cls.Parameters.model_validate(read_json(folder / PARAMETERS))
        return cls(parameters, **{field.name: _read(folder, field) for field in fields(cls)[1:]})


def _parts(name: str, value: Any) -> dict[str, np.ndarray]:
    if value is None:
        return {}
    if isinstance(value, csr_array):
        return {f"{name}.{part}": np.asarray(getattr(value, part)) for part in SPARSE_PARTS}
    return {name: np.asarray(value)}


def _read(folder: Path, field: Field[Any]) -> Any:
    whole, parts = folder / f"{field.name}.npy", [folder / f"{field.name}.{part}.npy" for part in SPARSE_PARTS]
    if whole.exists():
        array = mapped(whole)
        return array if array.ndim else array.item()
    if field.default is not MISSING and not parts[0].exists():
        return field.default
    data, indices, indptr, shape = (mapped(path) for path in parts)
    return csr_array((data, indices, indptr), shape=tuple(shape.tolist()))
