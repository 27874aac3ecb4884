"""`<domain>__features`: raw data becomes checked, published features, on a schedule or by hand."""

from typing import Any

from airflow.sdk import DAG, Asset, CronTriggerTimetable, Param, TriggerRule, chain, task

from ml import steps
from ml.domains import DOMAINS, Domain
from ml.wheel.conventions import CLOCK, GATE, WAREHOUSE_POOL, asset_name, dag_options
from ml.wheel.dbt_tasks import dbt_tasks

MEANING = "Use only what was known at the start of this day; empty: all that has landed."
PARAMETERS = {"as_of": Param(None, type=["null", "string"], format="date", description=MEANING)}
AS_OF = "{{ params.as_of or '' }}"


@task
def land(domain: str) -> dict[str, Any]:
    """Land the domain's raw data as typed, append-only Parquet partitions."""
    return steps.land(domain)


@task
def land_served(domain: str) -> dict[str, Any]:
    """Land the events and impressions of what was served, where anything was."""
    return steps.land_served(domain)


@task(**GATE)
def validate_landing(domain: str, as_of: str) -> dict[str, Any]:
    """Refuse bad data before anything is made of it."""
    return steps.validate_landing(domain, as_of or None)


@task
def plan(domain: str, as_of: str) -> dict[str, Any]:
    """Choose the instants that need a snapshot, and dbt's variables."""
    return steps.plan(domain, as_of or None)


@task.short_circuit(pool=WAREHOUSE_POOL, ignore_downstream_trigger_rules=False)
def prepare(planned: dict[str, Any]) -> dict[str, Any]:
    """Make the warehouse ready; skip dbt where the marts of this very plan are built already."""
    todo = steps.prepare_build(planned)
    return todo if todo["needed"] else {}


@task(pool=WAREHOUSE_POOL, trigger_rule=TriggerRule.NONE_FAILED, **GATE)
def validate_marts(planned: dict[str, Any]) -> dict[str, Any]:
    """Refuse marts that break their expectations, built now or before."""
    return steps.validate_marts(planned)


@task(pool=WAREHOUSE_POOL)
def document_marts(planned: dict[str, Any]) -> str:
    """Write the dbt docs."""
    return steps.document_marts(planned)


@task(pool=WAREHOUSE_POOL, trigger_rule=TriggerRule.NONE_FAILED)
def publish_features(planned: dict[str, Any]) -> str:
    """Write the marts as one immutable Parquet artifact: what all that follows reads."""
    return steps.publish_features(planned)


def features(domain: Domain) -> None:
    """Declare the features DAG of one domain."""
    published = publish_features.override(outlets=[Asset(asset_name(domain.name, "features"))])
    schedule = CronTriggerTimetable(domain.retrain_schedule, **CLOCK)
    with DAG(**dag_options(domain, "features", __doc__), schedule=schedule, params=PARAMETERS):
        planned = plan(domain.name, AS_OF)
        todo = prepare(planned)
        built = dbt_tasks(domain.name, planned["vars"], todo["full_refresh"])
        chain(land(domain.name), land_served(domain.name), validate_landing(domain.name, AS_OF), planned, todo, built)
        chain(built, [validate_marts(planned), document_marts(planned)], published(planned))


for declared in DOMAINS.values():
    features(declared)
