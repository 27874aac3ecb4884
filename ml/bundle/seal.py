"""Sealing: everything of one trained recommender, as of one instant, into one folder whose files are hashed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.artifacts import build, code_digest, digest, file_digest, write_json
from ml.bundle.ann import MeasuredIndex, build_index, save_index
from ml.bundle.policy import save_policy
from ml.bundle.stored import save_facts, save_fields, save_knowledge, save_vocabulary
from ml.data.arrays import Floats
from ml.data.dataset import Dataset, refuse_nothing, requests_for
from ml.data.feeds import supplied
from ml.data.windows import to_micros
from ml.features.store import FeatureStore
from ml.features.trace_log import save_traces
from ml.features.trace_reading import read_traces
from ml.logs import get_logger
from ml.ranking.recommender import Recommender
from ml.retrieval.contract import State

QUERIES = 500  # users whose vectors the index is measured with
log = get_logger(__name__)


@dataclass(frozen=True)
class Sealed:
    """What goes into a bundle."""

    recommender: Recommender  # as trained; refreshed here
    dataset: Dataset  # the log up to its as-of instant
    features: FeatureStore


def seal(parts: Sealed, lineage: Mapping[str, Any], *, seed: int) -> Path:
    """Build the sealed bundle; the same training on the same features with the same code gives the same folder.

    Args:
        parts: What goes in.
        lineage: Where it came from: `training`, `features`, `data_hash`, `configuration`, `parameters`, `as_of`,
            `trained_until`, `windows`, `seed`, `commit`, and `fairness` where the domain declares it.
        seed: Of the sample of queries that the index is measured with.

    Raises:
        RunFailed: where there is no item to recommend, or the index finds too little.
    """
    refuse_nothing(parts.dataset)
    code = code_digest("bundle", "data", "domains", "features", "ranking", "reranking", "retrieval")
    policy = {name: getattr(parts.dataset.domain, name).model_dump() for name in ("eligibility", "reranking")}
    named = ("training", "features", "fairness")
    inputs = {name: lineage[name] for name in named if name in lineage} | {"code": code, "policy": digest(policy)}

    def make(folder: Path) -> dict[str, Any]:
        added = _write(folder, parts, seed=seed)
        hashes = {str(path.relative_to(folder)): file_digest(path) for path in _files(folder)}
        described = {**added, "lineage": {**lineage, "code": code}, "files": hashes}
        return {**described, "seal": digest(described)}

    return build("bundle", inputs, make)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _write(folder: Path, parts: Sealed, *, seed: int) -> dict[str, Any]:
    dataset, as_of = parts.dataset, to_micros(parts.dataset.windows.as_of)
    snapshot = parts.features.at(as_of)
    recommender = parts.recommender.refresh(State(dataset, as_of))
    recommender.save(folder / "recommender")
    save_fields(folder / "snapshot", snapshot)
    save_fields(folder / "log", dataset.log)
    save_traces(folder / "traces", read_traces(dataset, parts.features))
    told = supplied(dataset)
    save_knowledge(folder / "knowledge", told.knowledge)
    save_policy(folder, dataset.domain, told.shelf)
    save_facts(folder / "item_facts", dataset.item_facts)
    dataset.catalogue.to_parquet(folder / "catalogue.parquet", index=False)
    for name in ("users", "items", "places", "categories"):
        save_vocabulary(folder / "vocabulary" / f"{name}.parquet", getattr(parts.features, name))
    write_json(folder / "features.json", parts.features.features)
    indexed = _index(folder / "index", recommender, dataset, as_of, seed=seed)
    counts = {"users": len(dataset.users), "items": len(dataset.items), "events": len(dataset.log)}
    described = {
        "domain": dataset.domain.name, "slate_size": dataset.domain.slate_size,
        "as_of": dataset.windows.as_of.isoformat(), "model_inputs": recommender.visible.inputs,
        "outputs": dataset.knowledge.outputs, "source": dataset.source.model_dump(mode="json"),
    }  # fmt: skip
    return {**described, "retrievers": list(recommender.names), "counts": counts, "index": indexed}


def _index(folder: Path, recommender: Recommender, dataset: Dataset, as_of: int, *, seed: int) -> dict[str, Any] | None:
    """Index the vectors of the first retriever that has any; `None` where there is none."""
    name = indexed_retriever(recommender)
    if name is None:
        log.warning("no retriever of this bundle has item vectors: similar items will not be found")
        return None
    model: Any = recommender.retrievers[name]
    vectors: Floats = model.item_vectors
    measured: MeasuredIndex = build_index(vectors, query_vectors(model, dataset, as_of, seed))
    save_index(folder, measured, vectors)
    described = {"retriever": name, **measured.describe()}
    log.info("index of %d item vectors of %s: %s", len(vectors), name, described)
    return described


def indexed_retriever(recommender: Recommender) -> str | None:
    """The first retriever that has vectors; None where there is none."""
    return next((name for name, model in recommender.retrievers.items() if _has_vectors(model)), None)


def _has_vectors(model: object) -> bool:
    return hasattr(model, "item_vectors") and hasattr(model, "user_vectors")


def query_vectors(model: Any, dataset: Dataset, moment: int, seed: int) -> Floats:
    """(Q, D) vectors of a sample of real users as of an instant."""
    known = np.unique(dataset.log.user)
    users = np.random.default_rng(seed).choice(known, min(QUERIES, len(known)), replace=False)
    requests = requests_for(dataset.log, np.sort(users).astype(np.int32), np.full(len(users), moment, np.int64))
    found: Floats = model.user_vectors(requests)
    return found
