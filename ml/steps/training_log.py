"""What a training run leaves in MLflow."""

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from ml.artifacts import manifest
from ml.bundle.served_ranker import OPENER as RANKER_OPENER
from ml.bundle.served_ranker import open_ranker
from ml.bundle.served_retriever import OPENER, write_retriever
from ml.data.windows import to_micros
from ml.ranking.plots import plot_importance
from ml.steps.workbench import workbench_of
from ml.tracking import models, runs

EXAMPLES = 3  # sessions in the input example of a retriever's model


def log_retriever(training: dict[str, Any], name: str, folder: Path, metrics: dict[str, float]) -> None:
    """A child run with the retriever as an MLflow model, its parameters, validation metrics and learning curves."""
    described = manifest(folder)
    role = "baseline" if name not in training["models"] else "retriever"
    run = runs.log_model(
        training["parent_run"], name, described["parameters"], metrics,
        curves=described["curves"], tags={"slate.artifact": described["key"], "slate.role": role},
    )  # fmt: skip
    dataset = workbench_of(training).dataset
    with tempfile.TemporaryDirectory() as scratch:
        served = Path(scratch) / name
        opened = write_retriever(folder / "model", served, name, dataset.items, to_micros(dataset.windows.t1))
        example = opened.example(EXAMPLES)
        models.log_served(run, name, served, OPENER, example, opened.predict(example))


def log_rankers(training: dict[str, Any], folder: Path) -> None:
    """A child run a ranker, with its model, learning curves and what it looks at; `ranker` is the one that is kept."""
    described = manifest(folder)
    for name in described["rankers"]:
        _log_ranker(training, folder / name, described, "ranker" if name == described["ranker"] else f"ranker_{name}")


def _log_ranker(training: dict[str, Any], folder: Path, described: dict[str, Any], run_name: str) -> None:
    name = folder.name
    fitted, parameters = described["rankers"][name], {"ranker": name, **training["ranker_parameters"][name]}
    curves = {f"{metric}_by_step": values for metric, values in fitted["curves"].items()}  # not the metrics' names
    role = "ranker" if name == described["ranker"] else "ranker that was not kept"
    with tempfile.TemporaryDirectory() as scratch:
        importance = fitted["importance"]
        plots = [plot_importance(importance, Path(scratch) / "importance.png")] if importance else []
        run = runs.log_model(
            training["parent_run"], run_name, parameters, fitted["metrics"], curves=curves, files=plots,
            tags={"slate.artifact": described["key"], "slate.role": role, "slate.ranker": name},
        )  # fmt: skip
    ranker = open_ranker(folder)
    example = pd.DataFrame(described["example"], columns=list(ranker.features)).astype("float32")
    if (trees := folder / "trees.ubj").exists():  # MLflow knows trees, and shows them, by itself
        models.log_booster(run, run_name, trees, example)
    else:
        models.log_served(run, run_name, folder, RANKER_OPENER, example, ranker.predict(example))
