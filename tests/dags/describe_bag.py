"""Read the DAG files as Airflow does and write what it found as JSON: run as a process of its own.

Importing Airflow takes over logging, settings and warnings, which no other test should have to live with.
"""

import json
import sys
from importlib import import_module
from pathlib import Path

HEAVY = ("torch", "mlflow", "evidently", "great_expectations", "xgboost", "sklearn", "implicit", "faiss", "matplotlib")


def main(dags: Path, answer: Path, *declared: str) -> None:
    from airflow.dag_processing.dagbag import DagBag

    declare(declared)
    bag = DagBag(dags)
    described = {
        "errors": bag.import_errors,
        "seconds": {Path(file.file).name: file.duration.total_seconds() for file in bag.dagbag_stats},
        "heavy": [module for module in HEAVY if module in sys.modules],
        "dags": {dag.dag_id: describe_dag(dag) for dag in bag.dags.values()},
    }
    answer.write_text(json.dumps(described))


def declare(named: tuple[str, ...]) -> None:
    """Declare further domains before the files are read, each named as in `music:MUSIC`."""
    from ml.domains import DOMAINS

    for name in named:
        module, _, constant = name.partition(":")
        domain = getattr(import_module(module), constant)
        DOMAINS[domain.name] = domain


def describe_dag(dag) -> dict:
    return {
        "doc": dag.doc_md,
        "tags": sorted(dag.tags),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "schedule": repr(dag.schedule),
        "params": {name: dag.params.get_param(name).dump() for name in dag.params},
        "tasks": {task.task_id: describe_task(task) for task in dag.tasks},
    }


def describe_task(task) -> dict:
    return {
        "doc": task.doc_md,
        "operator": type(task).__name__,
        "pool": task.pool,
        "retries": task.retries,
        "timeout": task.execution_timeout and task.execution_timeout.total_seconds(),
        "trigger_rule": task.trigger_rule.value,
        "downstream": sorted(task.downstream_task_ids),
        "outlets": [asset.name for asset in task.outlets],
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
