"""Airflow's scheduler with what tasks need already at hand: run as `python -m ml.wheel.scheduler`.

LocalExecutor forks its workers, and they their tasks, from the scheduler. What it has imported no task imports
again, and what dbt prepares at its first command no task prepares again: of a dbt task's four seconds, more than two.
Where tasks start from nothing (macOS), it changes nothing.
"""

import sys
from importlib import import_module

PRELOADED = (
    "cosmos.operators.local", "cosmos.airflow.task_group", "dbt.adapters.duckdb.impl", "evidently",
    "great_expectations", "mlflow", "numba", "scipy.sparse", "torch", "xgboost",
)  # fmt: skip


def main() -> None:
    """Run `airflow scheduler`, without the log server, which would listen on every interface."""
    from airflow.__main__ import main as airflow

    for module in PRELOADED:
        import_module(module)
    warm_dbt()
    forget("ml")
    sys.argv = ["airflow", "scheduler", "--skip-serve-logs"]
    airflow()


def warm_dbt() -> None:
    """Let dbt parse the project once: it builds its readers and writers of each kind of node at their first use.

    Without its static parser, whose threads would be gone in a fork that then waits for them for ever.
    """
    from ml.domains import DOMAINS
    from ml.errors import RunFailed
    from ml.features.marts import dbt_identity, run_dbt
    from ml.logs import get_logger

    try:
        run_dbt(["parse", "--no-static-parser"], dbt_identity(next(iter(DOMAINS))))
    except RunFailed as failure:  # each DAG that needs the project says so to those who look at it
        get_logger(__name__).warning("%s", failure)


def forget(package: str) -> None:
    """Let a package be imported anew: a task runs Slate's own code as it is when the task starts."""
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]


if __name__ == "__main__":
    main()
