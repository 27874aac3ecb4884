"""`<domain>__promote`: the gate judges each new challenger, and what passes becomes the champion."""

from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Asset, Param, chain, task

from ml import steps
from ml.domains import DOMAINS, Domain
from ml.logs import get_logger
from ml.settings import settings
from ml.steps.parameters import SlateParameters
from ml.wheel.conventions import asset_name, dag_options
from ml.wheel.form import form

log = get_logger(__name__)


@task
def judge(domain: str) -> dict[str, Any]:
    """Compare the challenger with the champion, or with the best baseline where there is none."""
    return steps.judge(domain)


@task.short_circuit
def accepted(decision: dict[str, Any]) -> bool:
    """Go on if the gate let the challenger pass; a refusal skips the rest and stands here with its reasons."""
    log.info("%s\n%s", decision["path"], "\n".join(f"- {reason}" for reason in decision["reasons"]))
    return bool(decision["promote"])


@task
def promote(domain: str, decision: dict[str, Any]) -> dict[str, Any]:
    """Move the alias `champion` to the challenger that was judged."""
    return steps.promote(domain, decision)


@task
def recommend_all(domain: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """Write the champion's recommendations for every user, with their sources."""
    return steps.recommend_all(domain, (params or {}).get("outputs"))


def approval() -> ApprovalOperator:
    """Ask a person, who reads the gate's reasons in the form."""
    return ApprovalOperator(
        task_id="approve",
        doc_md="Wait until a person approves or rejects the challenger under *Required actions*.",
        subject="Should this challenger become the champion?",
        body="{% for reason in ti.xcom_pull(task_ids='judge')['reasons'] %}- {{ reason }}\n{% endfor %}",
        execution_timeout=None,
    )


def promotion(domain: Domain) -> None:
    """Declare the promotion DAG of one domain."""
    challenger = Asset(asset_name(domain.name, "challenger"))
    champion = Asset(asset_name(domain.name, "champion"))
    form_of_slates = {name: Param(**argument) for name, argument in form(SlateParameters).items()}
    with DAG(**dag_options(domain, "promote", __doc__), schedule=[challenger], params=form_of_slates):
        decision = judge(domain.name)
        by_a_person = [approval()] if settings().approval_required else []
        published = recommend_all.override(outlets=[champion])(domain.name)
        chain(accepted(decision), *by_a_person, promote(domain.name, decision), published)


for declared in DOMAINS.values():
    promotion(declared)
