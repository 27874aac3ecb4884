"""Feature snapshots, event logs and vocabularies as plain files: one contiguous .npy an array, mapped, not read."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ml.artifacts import read_json, write_json
from ml.data.arrays import mapped
from ml.data.dataset import Log
from ml.data.facts import FactTable, UserStates
from ml.data.holdings import Holdings
from ml.data.knowledge import Knowledge
from ml.data.occurrences import Occurrences
from ml.data.vocabulary import Vocabulary
from ml.domains.facts import Fact
from ml.features.store import Snapshot, Table

ROWS = 4_096  # read at once: some milliseconds


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


def load_fields(folder: Path) -> dict[str, Any]:
    """What `save_fields` wrote of a dataclass without nested tables, by name of the field."""
    return {**_arrays(folder), **read_json(folder / "fields.json")}


def load_log(folder: Path) -> Log:
    """The log that `save_fields` wrote."""
    return Log(**load_fields(folder))


def load_snapshot(folder: Path) -> Snapshot:
    """The snapshot that `save_fields` wrote."""
    names: dict[str, Any] = read_json(folder / "fields.json")
    names |= {name: tuple(names[name]) for name in ("user_names", "item_names")}
    tables: dict[str, Any] = {name: _load_table(folder / name) for name in ("user_item", "user_category", "placement")}
    return Snapshot(**_arrays(folder), **names, **tables)


def read_rows(path: Path, let_others: Callable[[], object] = lambda: None) -> pd.DataFrame:
    """What `pandas.read_parquet` reads, some rows at a time: while rows become objects, nothing else is interpreted.

    Args:
        path: The file.
        let_others: Called every few milliseconds: it may wait, where others should go first.
    """
    with pq.ParquetFile(path) as file:
        parts = [pa.Table.from_batches([], file.schema_arrow).to_pandas()]
        for rows in file.iter_batches(ROWS):
            parts.append(rows.to_pandas())
            let_others()
    return pd.concat(parts[1:] or parts, ignore_index=True)


def save_vocabulary(path: Path, vocabulary: Vocabulary) -> None:
    """Write identifiers in their order as Parquet."""
    path.parent.mkdir(exist_ok=True)
    pd.DataFrame({"id": pd.Series(vocabulary.ids, dtype=object)}).to_parquet(path, index=False)


def load_vocabulary(path: Path, let_others: Callable[[], object] = lambda: None) -> Vocabulary:
    """What `save_vocabulary` wrote."""
    return Vocabulary(read_rows(path, let_others)["id"].to_numpy(object))


def save_facts(folder: Path, table: FactTable) -> None:
    """Write facts: their values mapped, the declarations and the texts of categories as JSON."""
    folder.mkdir(parents=True)
    np.save(folder / "values.npy", np.ascontiguousarray(table.values), allow_pickle=False)
    declared = {name: fact.model_dump(mode="json") for name, fact in table.facts.items()}
    texts = {name: list(known) for name, known in table.categories.items()}
    write_json(folder / "facts.json", {"facts": declared, "categories": texts})


def load_facts(folder: Path) -> FactTable:
    """What `save_facts` wrote."""
    described = read_json(folder / "facts.json")
    facts = {name: Fact.model_validate(fact) for name, fact in described["facts"].items()}
    categories = {name: np.array(texts, object) for name, texts in described["categories"].items()}
    return FactTable(facts, mapped(folder / "values.npy"), categories)


def save_knowledge(folder: Path, knowledge: Knowledge) -> None:
    """Write the facts and the holdings of all users, and the events that are remembered, a folder a type."""
    save_fields(folder / "holdings", knowledge.holdings)
    save_facts(folder / "facts", knowledge.facts.table)
    for name in ("user", "since"):
        np.save(folder / f"{name}.npy", getattr(knowledge.facts, name), allow_pickle=False)
    for number, happened in enumerate(knowledge.occurrences.values()):
        save_fields(folder / "occurrences" / str(number), happened)
    write_json(folder / "occurrences.json", list(knowledge.occurrences))
    write_json(folder / "outputs.json", knowledge.outputs)


def load_knowledge(folder: Path) -> Knowledge:
    """What `save_knowledge` wrote."""
    states = UserStates(**_arrays(folder), table=load_facts(folder / "facts"))
    occurrences = {
        name: Occurrences(**_arrays(folder / "occurrences" / str(number)))
        for number, name in enumerate(read_json(folder / "occurrences.json"))
    }
    holdings = Holdings(**_arrays(folder / "holdings"))
    return Knowledge(states, holdings, read_json(folder / "outputs.json"), occurrences)


def _load_table(folder: Path) -> Table:
    plain = read_json(folder / "fields.json")
    return Table(**_arrays(folder), names=tuple(plain["names"]), width=plain["width"])


def _arrays(folder: Path) -> dict[str, Any]:
    return {path.stem: mapped(path) for path in sorted(folder.glob("*.npy"))}
