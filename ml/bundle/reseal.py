"""A sealed bundle without some users: the same trained models and rules, everything of theirs taken out."""

import shutil
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ml.artifacts import MANIFEST, build, digest, file_digest
from ml.bundle.bundle import Bundle
from ml.bundle.stored import save_fields, save_knowledge, save_vocabulary
from ml.data.arrays import Bools
from ml.data.dataset import Dataset
from ml.data.vocabulary import Vocabulary
from ml.features.store import Snapshot, Table
from ml.features.trace_log import save_traces
from ml.retrieval.contract import State

ERASED = "session:erased-"  # as a session that nobody signed in to, so that no list of users has it


def reseal_without(bundle: Bundle, dataset: Dataset, user_ids: Collection[str]) -> Path:
    """Seal a copy of the bundle in which these users never did anything and are known to nobody.

    The numbers of all others stay, so that trained weights fit; counters (popularity, neighbours, own histories) are
    reckoned anew without the users. What they once added to weights and to the sealed features of items stays, which
    nobody can be known by, until the next training.

    Args:
        bundle: The sealed one, which is not changed.
        dataset: What it sealed, as models learn from it.
        user_ids: Whom to take out; those whom the bundle does not know change nothing.
    """
    gone = np.isin(bundle.users.ids.astype(str), list(user_ids))
    before = bundle.manifest
    inputs = {"resealed": before["key"], "erased": np.flatnonzero(gone).tolist()}

    def make(folder: Path) -> dict[str, Any]:
        shutil.copytree(bundle.path, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(MANIFEST))
        _write(folder, bundle, dataset, gone)
        hashes = {
            str(path.relative_to(folder)): file_digest(path) for path in sorted(folder.rglob("*")) if path.is_file()
        }
        described = {name: value for name, value in before.items() if name not in {"kind", "key", "inputs", "seal"}}
        described |= {"files": hashes, "users_erased": before.get("users_erased", 0) + int(gone.sum())}
        return {**described, "seal": digest(described)}

    return build("bundle", inputs, make)


def _write(folder: Path, bundle: Bundle, dataset: Dataset, gone: Bools) -> None:
    log = bundle.log.where(~gone[bundle.log.user])
    knowledge = bundle.knowledge.without(gone)
    left = replace(dataset, log=log, knowledge=knowledge)
    for room in ("log", "snapshot", "knowledge", "traces", "recommender"):
        shutil.rmtree(folder / room)
    save_fields(folder / "log", log)
    save_fields(folder / "snapshot", _snapshot(bundle.snapshot, gone))
    save_knowledge(folder / "knowledge", knowledge)
    save_traces(folder / "traces", bundle.traces.without(gone))
    bundle.recommender.refresh(State(left, bundle.snapshot.as_of)).save(folder / "recommender")
    save_vocabulary(folder / "vocabulary" / "users.parquet", _without_names(bundle.users, gone))


def _without_names(users: Vocabulary, gone: Bools) -> Vocabulary:
    ids = users.ids.copy()
    ids[gone] = [f"{ERASED}{number}" for number in np.flatnonzero(gone)]
    return Vocabulary(ids)


def _snapshot(snapshot: Snapshot, gone: Bools) -> Snapshot:
    user = np.array(snapshot.user)
    user[gone] = np.nan
    items, categories = _table(snapshot.user_item, gone), _table(snapshot.user_category, gone)
    return replace(snapshot, user=user, user_item=items, user_category=categories)


def _table(table: Table, gone: Bools) -> Table:
    keep = ~gone[table.keys // table.width] if table.width else np.ones(len(table.keys), bool)
    return replace(table, keys=table.keys[keep], values=table.values[keep])
