"""Runs of one training in MLflow: a parent a training, a child a model, each safe to log again after a kill."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ml.artifacts import code_digest, manifest
from ml.settings import settings
from ml.tracking.store import client, experiment, locked, patient

TRAINING_TAG = "slate.training"
MODEL_TAG = "slate.model"
REPORT_TAG = "slate.report"
# What one call of MLflow's `log_batch` takes.
PARAMETERS_A_BATCH = 100
METRICS_A_BATCH = 1000
PARAMETER_LENGTH = 6000


@patient
def open_training(
    domain: str,
    key: str,
    parameters: Mapping[str, Any],
    tags: Mapping[str, str],
    *,
    data: Path | None = None,
) -> str:
    """The parent run of a training: the same key gives the same run, now open (again).

    Args:
        domain: Its name is the experiment's.
        key: Identifies the training.
        parameters: Nested ones are flattened with dots.
        tags: What people search by.
        data: The published `features` artifact that it learns from, shown as the run's data set.
    """
    tracker = client()
    name = str(tags.get("mlflow.runName", f"training {key}"))
    with locked(f"training-{key}"):
        run = _find(tracker, experiment(tracker, domain), {TRAINING_TAG: key}) or tracker.create_run(
            experiment(tracker, domain), run_name=name, tags={TRAINING_TAG: key, **code_tags(), **tags}
        )
    run_id = str(run.info.run_id)
    _log_parameters(tracker, run, parameters)
    if data is not None and not run.inputs.dataset_inputs:
        tracker.log_inputs(run_id, [_data_input(data)])
    tracker.update_run(run_id, status="RUNNING")
    return run_id


@patient
def log_model(
    parent: str,
    name: str,
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
    *,
    curves: Mapping[str, Sequence[float]] | None = None,
    files: Sequence[Path] = (),
    tags: Mapping[str, str] | None = None,
) -> str:
    """The child run of one model, with all that is known of it; logging the same again changes nothing.

    Args:
        parent: The run that `open_training` gave.
        name: The model's; one child a name.
        parameters: Nested ones are flattened with dots.
        metrics: Single values; `ndcg@10` becomes `ndcg_at_10`, since MLflow allows no `@`.
        curves: Values by step, such as the loss of each epoch.
        files: Plots and reports; a folder is logged with all that is in it.
        tags: What people search by.
    """
    tracker = client()
    run = child(parent, name)
    run_id = str(run.info.run_id)
    _log_parameters(tracker, run, parameters)
    series = {**{key: [value] for key, value in metrics.items()}, **(curves or {})}
    _log_metrics(tracker, run, series)
    for key, value in (tags or {}).items():
        tracker.set_tag(run_id, key, value)
    for path in files:
        (tracker.log_artifacts if path.is_dir() else tracker.log_artifact)(run_id, str(path))
    tracker.set_terminated(run_id, "FINISHED")
    return run_id


@patient
def log_result(run_id: str, metrics: Mapping[str, float], *, files: Sequence[Path] = ()) -> None:
    """Add metrics and files to a run that exists, such as a training's test results to its parent."""
    tracker = client()
    _log_metrics(tracker, tracker.get_run(run_id), {key: [value] for key, value in metrics.items()})
    for path in files:
        (tracker.log_artifacts if path.is_dir() else tracker.log_artifact)(run_id, str(path))


@patient
def log_report(domain: str, name: str, metrics: Mapping[str, float], *, key: str, files: Sequence[Path] = ()) -> str:
    """A run of its own in the domain's experiment; the same key gives the same run, whose files are replaced."""
    tracker = client()
    with locked(f"reports-{domain}"):
        owner, tags = experiment(tracker, domain), {REPORT_TAG: key}
        run = _find(tracker, owner, tags) or tracker.create_run(owner, run_name=name, tags=tags | code_tags())
    run_id = str(run.info.run_id)
    log_result(run_id, metrics, files=files)
    tracker.set_terminated(run_id, "FINISHED")
    return run_id


@patient
def close_training(parent: str, *, failed: bool = False) -> None:
    """End the parent run."""
    client().set_terminated(parent, "FAILED" if failed else "FINISHED")


def child(parent: str, name: str) -> Any:
    """The child run of this name, made if it is not there yet."""
    tracker = client()
    owner = tracker.get_run(parent).info.experiment_id
    tags = {"mlflow.parentRunId": parent, MODEL_TAG: name}
    with locked(f"training-{parent}"):
        return _find(tracker, owner, tags) or tracker.create_run(owner, run_name=name, tags=tags | code_tags())


def metric_name(name: str) -> str:
    """A metric's name as MLflow allows it."""
    return name.replace("@", "_at_")


def code_tags() -> dict[str, str]:
    """The version of the code that runs: a digest of its source and, in a clone, the git commit."""
    commit = git_commit()
    return {"slate.code": code_digest()} | ({"mlflow.source.git.commit": commit} if commit else {})


def git_commit() -> str | None:
    """The commit that is checked out; `None` outside a clone."""
    command = ["git", "-C", str(settings().project), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)  # noqa: S603 - no input
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()


def flattened(parameters: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested parameters as dotted names and texts."""
    flat: dict[str, str] = {}
    for key, value in parameters.items():
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value if isinstance(value, str) else json.dumps(value, default=str)
    return flat


def _find(tracker: Any, experiment_id: str, tags: Mapping[str, str]) -> Any | None:
    wanted = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
    found = tracker.search_runs([experiment_id], wanted, max_results=1, order_by=["attributes.start_time ASC"])
    return found[0] if found else None


def _log_parameters(tracker: Any, run: Any, parameters: Mapping[str, Any]) -> None:
    """MLflow refuses another value for a parameter that a run already has: log only the new ones."""
    from mlflow.entities import Param

    known = run.data.params
    new = [(key, value) for key, value in flattened(parameters).items() if key not in known]
    for start in range(0, len(new), PARAMETERS_A_BATCH):
        batch = new[start : start + PARAMETERS_A_BATCH]
        tracker.log_batch(run.info.run_id, params=[Param(key, value[:PARAMETER_LENGTH]) for key, value in batch])


def _log_metrics(tracker: Any, run: Any, series: Mapping[str, Sequence[float]]) -> None:
    """All carry the run's start as their time, so that MLflow drops what is logged a second time."""
    from mlflow.entities import Metric

    at = run.info.start_time
    points = [
        Metric(metric_name(key), float(value), at, step)
        for key, values in series.items()
        for step, value in enumerate(values)
    ]
    for start in range(0, len(points), METRICS_A_BATCH):
        tracker.log_batch(run.info.run_id, metrics=points[start : start + METRICS_A_BATCH])


def _data_input(path: Path) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    described = manifest(path)
    profile = json.dumps({"as_of": described["as_of"], **described.get("counts", {})})
    source = json.dumps({"uri": path.as_uri()})
    found = Dataset(f"{described['domain']} features", described["key"], "local", source, profile=profile)
    return DatasetInput(found, [InputTag("mlflow.data.context", "training")])
