"""Judging the challenger and moving the champion."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ml.artifacts import artifact_path, read_json
from ml.bundle.bundle import Bundle, open_bundle
from ml.data.dataset import Dataset, load_dataset
from ml.domains import Domain, get_domain
from ml.errors import BadInput, RunFailed
from ml.evaluation.fairness.verdict import breaches
from ml.logs import get_logger
from ml.settings import settings
from ml.steps.comparison import Comparison, compare_with_baselines, compare_with_champion
from ml.steps.record import recorded
from ml.steps.training import baselines_of
from ml.tracking import registry, runs
from ml.tracking.gate import Decision, decide
from ml.tracking.registry import Version

log = get_logger(__name__)


@recorded("judge")
def judge(domain: str, *, at: datetime | None = None) -> dict[str, Any]:
    """What the gate says of the challenger, compared with the champion or, where there is none, the best baseline.

    Both sealed bundles answer the same cases of the current features: those after all that either learnt from. A
    refusal is an answer, not an error.

    Returns:
        `promote`, `path`, `reasons`, `figures` (see `ml.tracking.gate`), with `domain`, `challenger`, `champion`
        (versions; null where there is none) and `judged_at`.
    """
    at = at or datetime.now(UTC)
    registry.settle(domain, at=at)
    challenger = registry.require(registry.version_at(domain, "challenger"), "challenger")
    champion = registry.version_at(domain, "champion")
    if champion is not None and champion.number == challenger.number:
        decision = Decision(False, "refused: already champion", (f"version {champion.number} serves already",), {})
    else:
        decision = _judged(domain, challenger, champion)
        _log_decision(domain, challenger, decision, at)
    log.info("%s: %s", decision.path, "; ".join(decision.reasons))
    versions = {"challenger": challenger.number, "champion": champion.number if champion else None}
    return {**decision.as_dict(), "domain": domain, **versions, "judged_at": at.isoformat(timespec="seconds")}


@recorded("promote")
def promote(
    domain: str,
    decision: dict[str, Any],
    force: bool = False,
    reason: str | None = None,
    *,
    at: datetime | None = None,
) -> dict[str, Any]:
    """Make the judged challenger the champion, if the gate agreed or a person overrules it with a reason.

    Returns:
        `promoted`, `version` (the champion after this), `previous`, `path` and `reasons`.

    Raises:
        BadInput: where a refusal is overruled without a reason.
        RunFailed: where the champion has changed since the challenger was judged.
    """
    if force and not (reason or "").strip():
        raise BadInput("overruling the gate needs a reason: pass --reason")
    at, wanted = at or datetime.now(UTC), int(decision["challenger"])
    overrule = force and not decision["promote"]
    answer = {"version": decision["champion"], "previous": decision["champion"], "path": decision["path"]}
    if not (decision["promote"] or force):
        return {"promoted": False, **answer, "reasons": decision["reasons"]}
    _refuse_stale(domain, decision, at)
    why = (reason or "").strip() if overrule else "; ".join(decision["reasons"])
    registry.move_champion(domain, wanted, why, "a person" if overrule else "gate", at=at, overrule=overrule)
    reasons = [f"overruled: {why}", *decision["reasons"]] if overrule else decision["reasons"]
    return {"promoted": True, **answer, "version": wanted, "reasons": reasons}


@recorded("rollback")
def rollback(domain: str, version: int, reason: str, *, at: datetime | None = None) -> dict[str, Any]:
    """Point the champion at an earlier version."""
    move = registry.move_champion(domain, version, reason, "a person", at=at or datetime.now(UTC), overrule=True)
    return {"version": version, "previous": move.previous if move else version, "reason": reason}


def current_dataset(domain: str) -> Dataset:
    """The features artifact that was published last, as arrays; raises `RunFailed` where there is none."""
    pointer = settings().domain_path("current", domain) / "features.json"
    if not pointer.exists():
        raise RunFailed(f"there are no features of {domain} yet: run `slate features --domain {domain}` first")
    return load_dataset(Path(read_json(pointer)["path"]))


def open_version(domain: str, version: Version, let_others: Callable[[], object] = lambda: None) -> Bundle:
    """The sealed bundle of a version, checked; see `open_bundle`."""
    return open_bundle(registry.bundle_of(domain, version), let_others)


def training_of(bundle: Bundle) -> dict[str, Any]:
    """The training that a bundle came from, with its features where they lie here."""
    recipe: dict[str, Any] = bundle.manifest["lineage"]["recipe"]
    return recipe | {"features": str(artifact_path("features", recipe["features"]))}


def _judged(domain: str, challenger: Version, champion: Version | None) -> Decision:
    bundle = open_version(domain, challenger)
    dataset = current_dataset(domain).asked_for(bundle.knowledge.outputs)
    comparison: Comparison
    if champion is None:
        comparison = compare_with_baselines(dataset, bundle, baselines_of(training_of(bundle)))
    else:
        comparison = compare_with_champion(dataset, bundle, open_version(domain, champion))
    declared = get_domain(domain)
    return decide(
        declared.gate, replace(comparison.challenger, unfair=_unfair(declared, bundle)), comparison.rival,
        comparison.unit, begins=comparison.begins, first=champion is None, seed=challenger.seed,
    )  # fmt: skip


def _unfair(domain: Domain, bundle: Bundle) -> tuple[str, ...]:
    """What the sealed fairness report says against a bundle, by the limits in force now."""
    if domain.fairness is None:
        return ()
    document = bundle.manifest["lineage"].get("fairness")
    if document is None:
        return (f"it was sealed without the fairness report that {domain.name} demands: publish it again",)
    return tuple(breaches(document, domain.fairness))


def _log_decision(domain: str, challenger: Version, decision: Decision, at: datetime) -> None:
    """On the version, for people in the MLflow UI, and as metrics on the training's run."""
    tags = {"gate": "promote" if decision.promote else "refuse", "gate_path": decision.path}
    tags |= {"gate_reasons": "\n".join(decision.reasons), "gate_judged_at": at.isoformat(timespec="seconds")}
    registry.tag_version(domain, challenger.number, tags)
    difference = decision.figures.get("difference", {})
    metrics = {f"gate_{name}": value for name, value in difference.items() if value is not None}
    if challenger.run and metrics:
        runs.log_result(challenger.run, metrics)


def _refuse_stale(domain: str, decision: dict[str, Any], at: datetime) -> None:
    """A decision holds only for the champion that it was made against."""
    registry.settle(domain, at=at)
    champion = registry.version_at(domain, "champion")
    now = champion.number if champion else None
    if now not in (decision["champion"], decision["challenger"]):
        raise RunFailed(
            f"the champion was version {decision['champion']} when version {decision['challenger']} was judged, and is "
            f"version {now} now: judge again"
        )
