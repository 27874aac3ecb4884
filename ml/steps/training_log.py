"""What a training run leaves in MLflow."""

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from ml.artifacts import manifest, read_json
from ml.bundle.served_retriever import OPENER, write_retriever
from ml.data.windows import to_micros
from ml.ranking.plots import plot_importance
from ml.steps.workbench import open_workbench
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
    dataset = open_workbench(training["features"], training["seed"]).dataset
    with tempfile.TemporaryDirectory() as scratch:
        served = Path(scratch) / name
        opened = write_retriever(folder / "model", served, name, dataset.items, to_micros(dataset.windows.t1))
        example = opened.example(EXAMPLES)
        models.log_served(run, name, served, OPENER, example, opened.predict(example))


def log_ranker(training: dict[str, Any], folder: Path, metrics: dict[str, float]) -> None:
    """A child run with the trees as an MLflow model, their learning curve and what they look at."""
    described = manifest(folder)
    with tempfile.TemporaryDirectory() as scratch:
        plot = plot_importance(described["importance"], Path(scratch) / "importance.png")
        run = runs.log_model(
            training["parent_run"], "ranker", training["ranker_parameters"], metrics,
            curves=described["curves"], files=[plot], tags={"slate.artifact": described["key"], "slate.role": "ranker"},
        )  # fmt: skip
    columns = read_json(folder / "model" / "ranker.json")["features"]
    example = pd.DataFrame(described["example"], columns=columns).astype("float32")
    models.log_booster(run, "ranker", folder / "model" / "trees.ubj", example)
