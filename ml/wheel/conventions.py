"""Names, limits and defaults that the DAG files and their driver share.

Nothing here imports Airflow: a DAG file hands these values to it, and the driver reads them without it.
"""

from datetime import timedelta
from typing import Any

from ml.domains import Domain

STAGES = ("features", "train", "promote", "monitor")
"""The DAGs of one turn of the wheel, in their order."""

WAREHOUSE_POOL = "warehouse"
"""Pool of one slot: DuckDB lets one process write a database file at a time."""

PARALLEL_TASKS = 2
"""Tasks that run at the same time; a retriever's training holds up to 2 GB."""

TASK_DEFAULTS: dict[str, Any] = {
    "owner": "slate",
    "retries": 1,
    "retry_delay": timedelta(seconds=10),
    "execution_timeout": timedelta(hours=1),
}
"""Every task may fail once: steps are idempotent, so that a second try costs only what is missing."""

CLOCK: dict[str, Any] = {"timezone": "UTC", "run_immediately": timedelta(0)}
"""A schedule begins with its next tick. Airflow would make up for the last one on a new machine, as long as a tenth of
the time to the next has not passed: a turn that somebody starts then would wait behind that run and its training."""

GATE: dict[str, Any] = {"retries": 0}
"""A gate's answer does not change by asking again."""


def dag_id(domain: str, stage: str) -> str:
    """The DAG of one stage of one domain, such as `retail__train`."""
    return f"{domain}__{stage}"


def asset_name(domain: str, what: str) -> str:
    """The asset that joins two stages, such as `retail/features`."""
    return f"{domain}/{what}"


def dag_options(domain: Domain, stage: str, doc: str) -> dict[str, Any]:
    """What every DAG of a domain has alike: its id, its tags, one run at a time and no catching up."""
    return {
        "dag_id": dag_id(domain.name, stage),
        "doc_md": doc.replace("<domain>", domain.name),
        "dag_display_name": f"{domain.title}: {stage}",
        "tags": [domain.name, stage],
        "catchup": False,
        "max_active_runs": 1,
        "max_active_tasks": PARALLEL_TASKS,
        "default_args": TASK_DEFAULTS,
    }
