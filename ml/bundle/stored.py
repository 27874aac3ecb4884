"""Feature snapshots, event logs and vocabularies as plain files: one contiguous .npy an array, mapped, not read."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml.artifacts import read_json, write_json
from ml.data.dataset import Log, Vocabulary
from ml.features.store import Snapshot, Table


def save_fields(folder: Path, value: Any) -> None:
    """Write a dataclass of arrays: an .npy an array, the rest into `fields.json`, a folder a nested table."""
    folder.mkdir(parents=True)
    plain: dict[str, Any] = {}
    for field in fields(value):
        content = getattr(value, field.name)
        if isinstance(content, np.ndarray):
            np.save(folder / f"{field.name}.npy", np.ascontiguousarray(content), allow_pickle=False)
        elif isinstance(content, Table):
            save_fields(folder / field.name, content)
        else:
            plain[field.name] = content
    write_json(folder / "fields.json", plain)


def load_log(folder: Path) -> Log:
    """The log that `save_fields` wrote."""
    return Log(**_arrays(folder), **read_json(folder / "fields.json"))


def load_snapshot(folder: Path) -> Snapshot:
    """The snapshot that `save_fields` wrote."""
    names: dict[str, Any] = read_json(folder / "fields.json")
    names |= {name: tuple(names[name]) for name in ("user_names", "item_names")}
    tables: dict[str, Any] = {name: _load_table(folder / name) for name in ("user_item", "user_category", "placement")}
    return Snapshot(**_arrays(folder), **names, **tables)


def save_vocabulary(path: Path, vocabulary: Vocabulary) -> None:
    """Write identifiers in their order as Parquet."""
    path.parent.mkdir(exist_ok=True)
    pd.DataFrame({"id": pd.Series(vocabulary.ids, dtype=object)}).to_parquet(path, index=False)


def load_vocabulary(path: Path) -> Vocabulary:
    """What `save_vocabulary` wrote."""
    return Vocabulary(pd.read_parquet(path)["id"].to_numpy(object))


def _load_table(folder: Path) -> Table:
    plain = read_json(folder / "fields.json")
    return Table(**_arrays(folder), names=tuple(plain["names"]), width=plain["width"])


def _arrays(folder: Path) -> dict[str, Any]:
    return {path.stem: np.load(path, mmap_mode="r", allow_pickle=False) for path in sorted(folder.glob("*.npy"))}
