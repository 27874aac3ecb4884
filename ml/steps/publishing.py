"""From a finished training to a sealed, registered challenger."""

from pathlib import Path
from typing import Any

import numpy as np

from ml.artifacts import digest, manifest
from ml.bundle.bundle import Bundle, open_bundle
from ml.bundle.seal import Sealed, seal
from ml.bundle.served import OPENER, Served
from ml.data.dataset import Dataset
from ml.errors import RunFailed
from ml.steps.judging_fairness import fairness_report
from ml.steps.record import recorded
from ml.steps.training import recommender_of
from ml.steps.workbench import workbench_of
from ml.tracking import registry, runs

EXAMPLES = 3  # users in the registered model's input example


@recorded("publish")
def publish(training: dict[str, Any]) -> dict[str, Any]:
    """Seal the training's bundle, index included, and register it as the challenger; the champion is not touched.

    Returns:
        `bundle` (its folder), `version`, `index` (kind and recall) and `files`.

    Raises:
        RunFailed: where the index finds less than 98 % of what exact search finds, or where a user whom nobody
            knows would get an empty slate.
    """
    domain, bench = training["domain"], workbench_of(training)
    lineage = lineage_of(training, bench.dataset)
    parts = Sealed(recommender_of(training), bench.dataset, bench.features)
    path = seal(parts, lineage, seed=training["seed"])
    bundle = open_bundle(path)
    _refuse_silence(bundle)
    served = Served(bundle, bundle.manifest["slate_size"])
    example = served.example(EXAMPLES)
    version = registry.register_challenger(
        domain, path, training["parent_run"], opener=OPENER, example=example, answer=served.predict(example)
    )
    described = {"version": version.number, "index": bundle.manifest["index"], "files": len(bundle.manifest["files"])}
    return {"domain": domain, "bundle": str(path), **described}


def _refuse_silence(bundle: Bundle) -> None:
    """Some retriever must have an answer for a user without a history."""
    pool = bundle.answer(np.array([-1], np.int32), 1).pool  # rules may well leave a stranger nothing of it
    if not (pool.score > -np.inf).any():
        raise RunFailed(
            f"a new user would get an empty slate: {', '.join(bundle.recommender.names)} answer those alone who have a "
            "history. Train again with popularity among the models"
        )


def lineage_of(training: dict[str, Any], dataset: Dataset) -> dict[str, Any]:
    """Where a bundle came from: enough to say what it may be judged on, and to make it again."""
    features, windows = manifest(Path(training["features"])), dataset.windows
    found = fairness_report(training)
    return {
        "training": training["key"],
        "recipe": recipe_of(training, features["key"]),
        "features": features["key"],
        "data_hash": features.get("data_hash"),
        "configuration": configuration_of(training),
        "as_of": windows.as_of.isoformat(),
        "trained_until": windows.t3.isoformat(),
        "windows": {name: getattr(windows, name).isoformat() for name in ("t1", "t2", "t3", "as_of")},
        "seed": training["seed"],
        "commit": runs.git_commit(),
        **({} if found is None else {"fairness": found}),
    }


def recipe_of(training: dict[str, Any], features: str) -> dict[str, Any]:
    """The training without what differs from place to place: its run, and the folder in which its features lie."""
    return {**training, "features": features} | {"parent_run": None}


def configuration_of(training: dict[str, Any]) -> str:
    """Identifies what a person chose, whatever the data: two trainings of one configuration differ by freshness."""
    names = ("inputs", "outputs", "models", "quotas", "maximum_candidates", "retriever_parameters", "ranker_parameters")
    return digest({name: training[name] for name in names})
