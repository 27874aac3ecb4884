"""Models logged in MLflow with signature and input example, and never as a pickle.

MLflow's own `log_model` works on process-wide state (an active run, a tracking address). What it does is done
here by the client instead: save to a folder, make the entry, upload, mark as ready.
"""

import tempfile
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from ml.tracking.store import client, patient, without_bars

SCRIPT = Path(__file__).with_name("served_model.py")
# What a process needs to load any of our models beyond this package.
REQUIREMENTS = ("numpy", "pandas", "pydantic", "pydantic-settings", "rich", "duckdb", "scipy", "xgboost", "torch",
                "safetensors", "implicit", "numba")  # fmt: skip


@patient
def log_served(
    run_id: str,
    name: str,
    folder: Path,
    opener: str,
    example: pd.DataFrame,
    answer: pd.DataFrame,
    *,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Log a folder as a pyfunc model by models-from-code; returns the identifier of the logged model.

    Args:
        run_id: The run that made it.
        name: The model's name within the run.
        folder: All that the model needs, copied into the MLflow artifact.
        opener: `package.module:function`, called with the folder; what it returns has
            `predict(DataFrame) -> DataFrame`. It is named, not passed, because only its name is stored.
        example: A valid input.
        answer: What the model predicts for it; with `example`, this gives the signature.
        tags: What people search by.
    """
    from mlflow import pyfunc

    def save(path: Path, model: Any) -> None:
        pyfunc.save_model(
            path, python_model=SCRIPT, artifacts={"folder": str(folder)}, model_config={"opener": opener},
            signature=_signature(example, answer), input_example=example, mlflow_model=model,
            pip_requirements=[f"{package}=={version(package)}" for package in REQUIREMENTS],
        )  # fmt: skip

    return _log(run_id, name, save, dict(tags or {}))


@patient
def log_booster(run_id: str, name: str, booster: Any, example: pd.DataFrame) -> str:
    """Log an XGBoost booster in its UBJSON form; returns the identifier of the logged model.

    Args:
        run_id: The run that trained it.
        name: The model's name within the run.
        booster: An `xgboost.Booster` (or a path to one that was saved).
        example: Some rows of its features, named and ordered as in training.
    """
    import mlflow.xgboost
    import xgboost

    if isinstance(booster, Path):
        booster = xgboost.Booster(model_file=booster)
    answer = booster.inplace_predict(example.to_numpy(), validate_features=False)

    def save(path: Path, model: Any) -> None:
        mlflow.xgboost.save_model(
            booster, path, model_format="ubj", signature=_signature(example, answer), input_example=example,
            mlflow_model=model, pip_requirements=[f"xgboost=={version('xgboost')}"],
        )  # fmt: skip

    return _log(run_id, name, save, {})


def _signature(example: pd.DataFrame, answer: object) -> Any:
    from mlflow.models import infer_signature

    with warnings.catch_warnings():
        # MLflow warns of every integer column that it might be missing; ours, such as positions, never are.
        warnings.filterwarnings("ignore", "Hint: Inferred schema contains integer", UserWarning)
        return infer_signature(example, answer)


def _log(run_id: str, name: str, save: Any, tags: dict[str, str]) -> str:
    """One logged model a (run, name): what is there and ready is kept."""
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    tracker = client()
    owner = tracker.get_run(run_id).info.experiment_id
    ready = _ready(tracker, owner, run_id, name, tags)
    if ready is not None:
        return ready
    entry = tracker.create_logged_model(owner, name=name, source_run_id=run_id, tags=tags)
    tracker.log_outputs(run_id, [LoggedModelOutput(entry.model_id, step=0)])
    with tempfile.TemporaryDirectory() as folder, without_bars():
        path = Path(folder) / "model"
        save(path, Model(artifact_path=entry.artifact_location, run_id=run_id, model_id=entry.model_id))
        tracker.log_model_artifacts(entry.model_id, str(path))
    tracker.finalize_logged_model(entry.model_id, "READY")
    return str(entry.model_id)


def _ready(tracker: Any, owner: str, run_id: str, name: str, tags: Mapping[str, str]) -> str | None:
    found = tracker.search_logged_models([owner], filter_string=f"source_run_id = '{run_id}' AND name = '{name}'")
    same = (model for model in found if all(model.tags.get(key) == value for key, value in tags.items()))
    return next((str(model.model_id) for model in same if model.status == "READY"), None)
