"""`<domain>__monitor`: reports drift and quality of the champion, and starts a retrain where they demand it."""

from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, CronTriggerTimetable, task

from ml import steps
from ml.domains import DOMAINS, Domain
from ml.logs import get_logger
from ml.wheel.conventions import CLOCK, asset_name, dag_id, dag_options

log = get_logger(__name__)


@task
def report(domain: str) -> dict[str, Any]:
    """Write the Evidently reports: drift, quality and diversity of the last window against the training's."""
    return steps.report(domain)


@task.short_circuit
def retrain_needed(found: dict[str, Any]) -> bool:
    """Go on if drift or quality passed a threshold and there is newer data than the champion has seen."""
    for reason in found["reasons"]:
        log.info(reason)
    return bool(found["retrain"])


def monitor(domain: Domain) -> None:
    """Declare the monitoring DAG of one domain."""
    schedule = AssetOrTimeSchedule(
        timetable=CronTriggerTimetable(domain.monitor_schedule, **CLOCK),
        assets=[Asset(asset_name(domain.name, "champion"))],
    )
    with DAG(**dag_options(domain, "monitor", __doc__), schedule=schedule):
        retrain = TriggerDagRunOperator(
            task_id="retrain",
            trigger_dag_id=dag_id(domain.name, "features"),
            doc_md="Start the next turn of the wheel from fresh features.",
        )
        retrain_needed(report(domain.name)) >> retrain


for declared in DOMAINS.values():
    monitor(declared)
