"""Make ready what Airflow's components find when they start: run as `python -m ml.wheel.metadata`.

It is a process of its own because importing Airflow takes over the logging of whoever does it.
"""

import sys
from typing import Any

from ml.domains import DOMAINS
from ml.wheel.conventions import WAREHOUSE_POOL
from ml.wheel.dbt_tasks import dbt_manifest

SETTLE = "--settle-interrupted-runs"


def prepare(*, settle: bool) -> None:
    """Make or migrate the tables, make the pool of warehouse writers, and settle what was interrupted.

    Args:
        settle: End the runs that no driver follows any more. Done before the DAG files are read, because Airflow
            counts a DAG's active runs when it reads it, and does not count again when a run is ended from outside.
    """
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session

    for domain in DOMAINS:
        dbt_manifest(domain)  # or the first reading of the DAG file would take the time
    initdb()
    with create_session() as session:
        make_pool(session)
        if settle:
            settle_interrupted_runs(session)


def make_pool(session: Any) -> None:
    """Make the pool, or leave it as people have set it."""
    from airflow.models.pool import Pool

    if Pool.get_pool(WAREHOUSE_POOL, session=session) is None:
        description = "DuckDB lets one process write a database file at a time."
        Pool.create_or_update_pool(WAREHOUSE_POOL, 1, description, include_deferred=False, session=session)


def settle_interrupted_runs(session: Any) -> None:
    """Mark unfinished runs and their tasks as failed, and forget asset updates that have started no run yet."""
    from airflow.models.asset import AssetDagRunQueue
    from airflow.models.dagrun import DagRun
    from airflow.utils.state import DagRunState, State, TaskInstanceState
    from sqlalchemy import delete, select

    unfinished = select(DagRun).where(DagRun.state.in_([DagRunState.QUEUED, DagRunState.RUNNING]))
    for run in session.scalars(unfinished).all():
        for task in run.get_task_instances(state=State.unfinished, session=session):
            task.set_state(TaskInstanceState.FAILED, session=session)
        run.set_state(DagRunState.FAILED)
    session.execute(delete(AssetDagRunQueue))


if __name__ == "__main__":
    prepare(settle=SETTLE in sys.argv)
