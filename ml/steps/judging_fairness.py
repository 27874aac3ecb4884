"""Judging how groups of people fare with a training's recommender, where the domain declares what is fair."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ml.artifacts import build, code_digest, read_json, write_json
from ml.data.feeds import supplied
from ml.data.requests import Requests
from ml.data.windows import to_micros
from ml.domains import Domain, Fairness, get_domain
from ml.errors import BadInput, RunFailed
from ml.evaluation.fairness.groups import Groups
from ml.evaluation.fairness.inputs import input_matrix, inputs_by_model, protected_inputs
from ml.evaluation.fairness.predictability import PEOPLE, predictability
from ml.evaluation.fairness.rendering import markdown, plot
from ml.evaluation.fairness.report import calibrated_on, report
from ml.evaluation.fairness.treatment import Treatment, everybody, guarded_items, treated
from ml.evaluation.fairness.verdict import breaches, warnings
from ml.evaluation.significance import Interval
from ml.features.store import Snapshot
from ml.logs import get_logger, progress
from ml.ranking.recommender import Recommender
from ml.retrieval.contract import State
from ml.settings import settings
from ml.steps.arranging import arranging
from ml.steps.record import recorded
from ml.steps.training import recommender_of
from ml.steps.workbench import Workbench, ranker_inputs, workbench_of
from ml.tracking import runs

REPORT, PAGE, PICTURE = "fairness.json", "fairness.md", "fairness.png"
log = get_logger(__name__)
Training = dict[str, Any]
Document = dict[str, Any]


@recorded("fairness")
def fairness(training: Training) -> dict[str, Any]:
    """Measure how groups of people fare with a training's recommender on the test window; logged to the training's run.

    Returns:
        `path` of the artifact (`fairness.json`, a page and its plot), `breaches` (what the gate will refuse the
        training for) and `warnings`.

    Raises:
        BadInput: where the domain declares no fairness.
    """
    domain = get_domain(training["domain"])
    limits = _limits(domain)
    folder = fairness_artifact(training)
    document = read_json(folder / REPORT)
    runs.log_result(
        training["parent_run"], _metrics(document), files=[folder / name for name in (REPORT, PAGE, PICTURE)]
    )
    against = breaches(document, limits)
    for sentence in (*against, *document["warnings"]):
        log.warning(sentence)
    return {"domain": domain.name, "path": str(folder), "breaches": against, "warnings": document["warnings"]}


def fairness_artifact(training: Training) -> Path:
    """The fairness report of a training, made now if it is not there yet."""
    domain = get_domain(training["domain"])
    limits = _limits(domain)
    inputs = {
        "ranker": ranker_inputs(training), "limits": limits.model_dump(), "guarded": domain.guarded_categories,
        "protected": {name: domain.user_facts[name].model_dump() for name in domain.protected_facts},
        "policy": {name: getattr(domain, name).model_dump(mode="json") for name in ("eligibility", "reranking")},
        "code": code_digest("evaluation", "reranking", "bundle/policy.py", "steps/arranging.py", "steps/judging_fairness.py"),
    }  # fmt: skip
    return build("fairness", inputs, partial(_measure, training, limits))


def fairness_report(training: Training) -> Document | None:
    """The report as a document; None for a domain that declares no fairness."""
    if get_domain(training["domain"]).fairness is None:
        return None
    document: Document = read_json(fairness_artifact(training) / REPORT)
    return document


def _limits(domain: Domain) -> Fairness:
    if domain.fairness is None:
        raise BadInput(f"{domain.name} declares no fairness: set `fairness` in its declaration, ml/domains")
    return domain.fairness


def _measure(training: Training, limits: Fairness, folder: Path) -> None:
    bench, recommender = workbench_of(training), recommender_of(training)
    domain, seed = bench.dataset.domain, training["seed"]
    earlier, judged = (_treatment(bench, recommender, window, limits) for window in ("validation", "test"))
    read = inputs_by_model(recommender, guarded_items(bench.dataset))
    guessed = _guessed(bench, recommender, limits, read)
    document = report(judged, calibrated_on(earlier), limits, domain.protected_facts, guessed, seed=seed) | {
        "domain": domain.name, "limits": limits.model_dump(), "guarded": list(domain.guarded_categories),
        "inputs": read, "protected_inputs": protected_inputs(read, domain),
    }  # fmt: skip
    document |= {"breaches": breaches(document, limits), "warnings": warnings(document, limits)}
    write_json(folder / REPORT, document)
    (folder / PAGE).write_text(markdown(document, PICTURE), encoding="utf-8")
    plot(document, folder / PICTURE)


def _treatment(bench: Workbench, recommender: Recommender, window: str, limits: Fairness) -> Treatment:
    """Of everybody at every cadence of a window; raises `RunFailed` where there is nothing to judge by."""
    parts = list(_treatments(bench, recommender, window, limits))
    if not any(part.allowed.any() for part in parts):
        raise RunFailed(
            f"fairness cannot be judged: in the {window} window nobody could be shown an item of the guarded categories "
            f"{', '.join(bench.dataset.domain.guarded_categories)}. Check them against the catalogue's categories"
        )
    return Treatment.joined(parts)


def _treatments(bench: Workbench, recommender: Recommender, window: str, limits: Fairness) -> Iterator[Treatment]:
    """Of everybody at the start of each cadence of a window, with what is known then."""
    fed, windows = supplied(bench.dataset), bench.dataset.windows
    dataset = replace(bench.dataset, knowledge=fed.knowledge)
    start, stop = {"validation": (windows.t2, windows.t3), "test": (windows.t3, windows.as_of)}[window]
    for at, end in progress(list(windows.cadences(start, stop)), f"fairness: {window} window"):
        requests = everybody(dataset, to_micros(at), limits.maximum_users, bench.seed)
        if len(requests):
            model, snapshot = _as_of(bench, recommender, to_micros(at))
            arrange = arranging(dataset, fed.shelf, model, to_micros(at))
            yield treated(model, requests, snapshot, dataset, to_micros(end), arrange)


def _guessed(
    bench: Workbench, recommender: Recommender, limits: Fairness, read: dict[str, tuple[str, ...]]
) -> dict[str, Interval | None]:
    """How well the inputs predict each protected fact, of people as of the beginning of the test window."""
    dataset, moment = bench.dataset, to_micros(bench.dataset.windows.t3)
    requests = everybody(dataset, moment, min(PEOPLE, limits.maximum_users), bench.seed)
    model, snapshot = _as_of(bench, recommender, moment)
    guarded = np.zeros(len(dataset.items), bool)
    guarded[guarded_items(dataset)] = True
    names = {name for names in read.values() for name in names}
    facts = tuple(name for name in dataset.domain.user_facts if name in names)
    inputs = input_matrix(model, requests, snapshot, guarded, facts)
    return {name: _predicted(inputs, requests, name, bench.seed) for name in dataset.domain.protected_facts}


def _predicted(inputs: np.ndarray, requests: Requests, name: str, seed: int) -> Interval | None:
    groups = Groups.of(requests.facts, name)
    known = np.arange(len(groups)) != (-1 if groups.unknown is None else groups.unknown)
    return predictability(inputs, groups, known, seed=seed, threads=settings().threads)


def _as_of(bench: Workbench, recommender: Recommender, moment: int) -> tuple[Recommender, Snapshot]:
    """The recommender and the features as they would have served at an instant."""
    return recommender.refresh(State(bench.known.before(moment), moment)), bench.features.at(moment)


def _metrics(document: Document) -> dict[str, float]:
    """The worst figures of each fact's judged groups, and how well it is predicted."""
    found: dict[str, float] = {}
    for fact, described in document["facts"].items():
        judged = [group for group in described["groups"] if group["judged"]]
        compared = [group for group in judged if group["approval_judged"]]
        ratios = [group["approval_ratio"]["mean"] for group in compared if "approval_ratio" in group]
        gaps = [group["calibration_gap"]["mean"] for group in judged]
        found |= {f"fairness_{fact}_approval_ratio": min(known) for known in [_known(ratios)] if known}
        found |= {f"fairness_{fact}_calibration_gap": max(known, key=abs) for known in [_known(gaps)] if known}
        if (guessed := described["predictability"]) is not None:
            found[f"fairness_{fact}_auc"] = guessed["mean"]
    return found


def _known(figures: list[float | None]) -> list[float]:
    return [figure for figure in figures if figure is not None]
