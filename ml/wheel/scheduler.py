"""Airflow's scheduler with what tasks need already imported: run as `python -m ml.wheel.scheduler`.

LocalExecutor forks its workers, and they their tasks, from the scheduler. What it has imported no task imports
again; for a dbt task that is three seconds out of five. Where tasks start from nothing (macOS), it changes nothing.
"""

import sys
from importlib import import_module

PRELOADED = ("cosmos.operators.local", "cosmos.airflow.task_group", "dbt.cli.main", "dbt.adapters.duckdb.impl")


def main() -> None:
    """Run `airflow scheduler`, without the log server, which would listen on every interface."""
    from airflow.__main__ import main as airflow

    for module in PRELOADED:
        import_module(module)
    sys.argv = ["airflow", "scheduler", "--skip-serve-logs"]
    airflow()


if __name__ == "__main__":
    main()
