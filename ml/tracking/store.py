"""Where runs and models are tracked: one MLflow store, reached without any process-wide state.

The default store is a SQLite file and an artifact folder below `SLATE_HOME`. Several processes (Airflow tasks)
write it at once: it is put in write-ahead mode, and what still meets a lock is tried again.
"""

import fcntl
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from ml.logs import get_logger
from ml.settings import settings

P = ParamSpec("P")
T = TypeVar("T")
ATTEMPTS = 6
# What SQLite and PostgreSQL say where another process wrote the very row first: asked again, it is found.
COLLISIONS = ("UNIQUE constraint failed", "UniqueViolation")
log = get_logger(__name__)


def tracking_uri() -> str:
    """The address of the store: `SLATE_TRACKING_URI`, or the SQLite file below `SLATE_HOME`."""
    return settings().tracking_uri or f"sqlite:///{_database()}"


def artifact_root() -> str | None:
    """Where the default store keeps artifacts; a server that was configured knows its own place (`None`)."""
    return None if settings().tracking_uri else (settings().home / "mlflow" / "artifacts").as_uri()


def client() -> Any:
    """An `mlflow.MlflowClient` of the store, which is made if it is not there yet."""
    if settings().tracking_uri is None and not _database().exists():
        _create_database()
    return _client()


def experiment(tracker: Any, name: str) -> str:
    """The identifier of the experiment of this name, made if it is not there yet."""
    with locked("experiments"):
        found = tracker.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        root = artifact_root()
        return str(tracker.create_experiment(name, artifact_location=root and f"{root}/{name}"))


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold a lock between the processes of this machine; it dies with its process."""
    folder = settings().home / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def without_bars() -> Iterator[None]:
    """Copy artifacts without MLflow's progress bars, which fill a log file with lines."""
    from mlflow.environment_variables import MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR as BARS

    before = BARS.get_raw()
    BARS.set(False)
    try:
        yield
    finally:
        BARS.unset() if before is None else BARS.set(before)


def patient(function: Callable[P, T]) -> Callable[P, T]:
    """Try again what failed because another process was at the store; the function must be safe to repeat."""

    @wraps(function)
    def run(*arguments: P.args, **options: P.kwargs) -> T:
        from mlflow.exceptions import MlflowException

        for attempt in range(1, ATTEMPTS):
            try:
                return function(*arguments, **options)
            except MlflowException as error:
                collided = any(said in str(error) for said in COLLISIONS)
                if error.error_code != "TEMPORARILY_UNAVAILABLE" and not collided:
                    raise
                log.warning("the tracking store is busy (attempt %d of %d): %s", attempt, ATTEMPTS, error)
                time.sleep(random.uniform(0, 0.25 * 2**attempt))  # noqa: S311 - spreads retries, guards nothing
        return function(*arguments, **options)

    return run


def _database() -> Path:
    return settings().home / "mlflow" / "mlflow.db"


def _client() -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=tracking_uri(), registry_uri=tracking_uri())


def _create_database() -> None:
    """Make the tables in a file that appears by renaming: a process killed here leaves no half-made database."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with locked("mlflow"):
        if _database().exists():
            return
        beside = _database().with_suffix(".new")
        beside.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        SqlAlchemyStore(f"sqlite:///{beside}", str(artifact_root())).engine.dispose()
        with closing(sqlite3.connect(beside)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        beside.rename(_database())
