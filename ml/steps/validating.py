"""The gates in the data's way: what landed is judged before dbt, the marts after it."""

from collections.abc import Mapping
from typing import Any

from ml.data.landing import latest_as_of, read_source
from ml.data.windows import parse_as_of
from ml.domains import get_domain
from ml.logs import get_logger
from ml.steps.record import recorded
from ml.validation.findings import Verdict
from ml.validation.landing import judge_landing
from ml.validation.marts import judge_marts

log = get_logger(__name__)


@recorded("validate landing")
def validate_landing(domain: str, as_of: str | None = None, accept_new_categories: bool = False) -> dict[str, Any]:
    """Hold what has landed against the landing suites.

    Args:
        domain: Name of the domain.
        as_of: The instant up to which the run will use data; default: the end of the last landed day.
        accept_new_categories: Take categories that no accepted validation has seen for meant.

    Returns:
        `rules` (how many were applied), `warnings` (each as JSON) and `report` (the data docs' index page).

    Raises:
        RunFailed: A critical rule is broken; tells the rule, the rows and the remedy.
        BadInput: `as_of` is no instant.
    """
    declared = read_source(domain).applied_to(get_domain(domain))
    protocol = declared.protocol
    end = parse_as_of(as_of, protocol) if as_of else latest_as_of(domain, protocol)
    return _told(judge_landing(declared, end, accept_new_categories))


@recorded("validate marts")
def validate_marts(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Hold the marts that a plan's dbt build made against the mart suites.

    Args:
        plan: What `ml.steps.features.plan` returned.

    Returns:
        As `validate_landing`.

    Raises:
        RunFailed: A critical rule is broken; tells the rule, the rows and the remedy.
    """
    source = read_source(plan["domain"])
    domain = source.applied_to(get_domain(plan["domain"]))
    moments = [parse_as_of(moment, domain.protocol) for moment in plan["snapshots"]]
    return _told(judge_marts(domain, source, moments))


def _told(verdict: Verdict) -> dict[str, Any]:
    for finding in verdict.warnings:
        log.warning("%s; the rows are in the report", finding.headline())
    warnings = [finding.as_json() for finding in verdict.warnings]
    return {"rules": verdict.rules, "warnings": warnings, "report": str(verdict.report)}
