"""Monitoring: whether the world is still the one that the champion learnt, and it still recommends as well."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ml.artifacts import build, code_digest, manifest, write_json
from ml.bundle.bundle import Bundle
from ml.bundle.translation import judged_on
from ml.data.arrays import Strings
from ml.data.dataset import Dataset
from ml.data.landing import latest_as_of, partitions
from ml.data.windows import to_micros
from ml.evaluation.protocol import RecommenderModel
from ml.features.store import FeatureStore
from ml.logs import get_logger
from ml.monitoring.answers import Answers, answers_of
from ml.monitoring.feature_drift import Drift, drift_of, feature_windows
from ml.monitoring.library import Page, Window, evidently_version
from ml.monitoring.periods import Periods
from ml.monitoring.quality import quality_page
from ml.monitoring.served import served
from ml.monitoring.served_page import write_served
from ml.monitoring.shelf import publish_files, publish_snapshots, write_pages
from ml.monitoring.verdict import Findings, Verdict, judge
from ml.settings import settings
from ml.steps.promotion import current_dataset, open_version
from ml.steps.record import recorded
from ml.tracking import registry, runs
from ml.tracking.registry import Version

SEED = 0  # of every sample: the same data give the same report
_ROOMS = ("data", "domains", "features", "retrieval", "ranking", "evaluation", "bundle", "monitoring")
log = get_logger(__name__)


@recorded("report")
def report(domain: str) -> dict[str, Any]:
    """Compare the last window with the champion's training and test windows, and say whether a retrain is due.

    Written as HTML and JSON to `SLATE_HOME/reports/<domain>/evidently/<as_of>/`, into the workspace of Evidently's UI
    (`SLATE_HOME/evidently`) and to a run `monitor <as_of>` in MLflow; made once for the same data and champion.

    Returns:
        `domain`, `as_of`, `drifted_share`, `drifted` (`mart.feature`), `drifted_predictions`, `quality_ratio` (null
        where there is nothing to compare), `retrain`, `reasons`, `reports` (paths), `champion` (version or null),
        `served` (figures of the slates shown in the last window, `ml.monitoring.served`; null: nothing was served).

    Raises:
        RunFailed: There are no features yet.
    """
    dataset = current_dataset(domain)
    champion = registry.version_at(domain, "champion")
    made = build("monitoring", _inputs(dataset, champion), partial(_make, dataset, champion))
    found = Findings.of(manifest(made)["found"])
    newer = None if champion is None else _newer_data(dataset, champion)
    verdict = judge(found, dataset.domain.drift, champion=champion is not None, newer=newer)
    for reason in verdict.reasons:
        log.info(reason)
    shown = manifest(made)["served"]
    if shown is None:
        log.info("nothing was served in the last window")
    return _publish(dataset, made, _answer(dataset, champion, found, verdict) | {"served": shown})


def _inputs(dataset: Dataset, champion: Version | None) -> dict[str, Any]:
    """All that the pages depend on."""
    return {
        "features": manifest(dataset.path)["key"], "champion": champion and champion.bundle, "seed": SEED,
        "drift": dataset.domain.drift.model_dump(), "code": code_digest(*_ROOMS), "evidently": evidently_version(),
    }  # fmt: skip


def _make(dataset: Dataset, champion: Version | None, folder: Path) -> dict[str, Any]:
    bundle = open_version(dataset.domain.name, champion) if champion else None
    dataset = dataset.asked_for(bundle.knowledge.outputs) if bundle else dataset
    periods, store = _periods(dataset, bundle), FeatureStore.of(dataset)
    drifts = _feature_drifts(dataset, store, periods)
    answers = _answers(dataset, store, bundle, periods) if bundle else None
    predictions = _drift(dataset, "predictions", answers.described()) if answers else None
    quality = _quality(dataset, answers, periods) if answers else None
    pages = [drift.page for drift in (*drifts.values(), predictions) if drift] + ([quality] if quality else [])
    write_pages(folder, pages)
    shown = served(dataset, periods.last, seed=SEED)
    write_served(folder, shown)
    found = _found(drifts, predictions, answers).as_dict()
    return {"found": found, "periods": periods.as_dict(), "served": shown["all"]}


@dataclass(frozen=True)
class _Compared:
    """The champion's answers in the window that it was tested in, and in the last one."""

    tested: Answers
    last: Answers

    def described(self) -> Window:
        """A row a case: what its slate is like."""
        return Window(self.tested.described(), self.last.described())


def _periods(dataset: Dataset, bundle: Bundle | None) -> Periods:
    if bundle is None:
        return Periods.of(dataset.windows)
    until, as_of = bundle.manifest["lineage"]["trained_until"], bundle.manifest["as_of"]
    return Periods.of(dataset.windows, datetime.fromisoformat(until), datetime.fromisoformat(as_of))


def _feature_drifts(dataset: Dataset, store: FeatureStore, periods: Periods) -> dict[str, Drift]:
    windows = feature_windows(store, to_micros(periods.learnt), to_micros(periods.as_of), seed=SEED)
    return {mart: drift for mart, window in windows.items() if (drift := _drift(dataset, mart, window))}


def _drift(dataset: Dataset, name: str, window: Window) -> Drift | None:
    limit = dataset.domain.drift.maximum_drifted_share
    return drift_of(name, window, as_of=dataset.windows.as_of, maximum_share=limit)


def _answers(dataset: Dataset, store: FeatureStore, bundle: Bundle, periods: Periods) -> _Compared | None:
    (model,) = judged_on(dataset, bundle, [RecommenderModel(bundle.recommender)])
    tested = answers_of(model, dataset, store, periods.tested, seed=SEED)
    last = answers_of(model, dataset, store, [periods.last], seed=SEED)
    return _Compared(tested, last) if tested and last else None


def _quality(dataset: Dataset, answers: _Compared, periods: Periods) -> Page | None:
    known, as_of = dataset.log.before(to_micros(periods.last)), dataset.windows.as_of
    return quality_page("quality", answers.tested, answers.last, known, _titles(dataset), as_of=as_of)


def _titles(dataset: Dataset) -> Strings:
    """(items,) name and identifier of each item: names alone may repeat."""
    ids = dataset.catalogue["item_id"]
    titles: Strings = (dataset.catalogue["name"].fillna("") + " (" + ids + ")").to_numpy(object)
    return titles


def _found(drifts: Mapping[str, Drift], predictions: Drift | None, answers: _Compared | None) -> Findings:
    return Findings(
        compared=sum(len(drift.compared) for drift in drifts.values()),
        drifted=tuple(f"{mart}.{name}" for mart, drift in drifts.items() for name in drift.drifted),
        drifted_predictions=predictions.drifted if predictions else (),
        tested_ndcg=float(np.mean(answers.tested.metric("ndcg@10"))) if answers else None,
        last_ndcg=float(np.mean(answers.last.metric("ndcg@10"))) if answers else None,
    )


def _newer_data(dataset: Dataset, champion: Version) -> str | None:
    """The last instant of what has landed or was published after the champion's as-of."""
    landed = partitions(dataset.domain.name)
    # Served events that no run would reach by itself are no reason to train again.
    reached = [latest_as_of(dataset.domain.name, dataset.domain.protocol, landed)] if landed else []
    ends = [part.max_occurred_at for part in landed if part.table == "interactions" and part.max_occurred_at]
    newest = max([dataset.windows.as_of, *(end for end in ends if reached and end <= reached[0])])
    return _iso(newest) if newest > datetime.fromisoformat(champion.as_of) else None


def _answer(dataset: Dataset, champion: Version | None, found: Findings, verdict: Verdict) -> dict[str, Any]:
    return {
        "domain": dataset.domain.name, "as_of": _iso(dataset.windows.as_of),
        "drifted_share": found.drifted_share, "drifted": list(found.drifted),
        "drifted_predictions": list(found.drifted_predictions), "quality_ratio": found.quality_ratio,
        "retrain": verdict.retrain, "reasons": list(verdict.reasons), "champion": champion and champion.number,
    }  # fmt: skip


def _publish(dataset: Dataset, made: Path, answer: dict[str, Any]) -> dict[str, Any]:
    """Put the pages where people look for them; the answer, with their paths."""
    domain, as_of = dataset.domain, dataset.windows.as_of
    folder = settings().domain_path("reports", domain.name) / "evidently" / f"{as_of:%Y%m%dT%H%M%SZ}"
    paths = publish_files(made, folder)
    publish_snapshots(made, settings().home / "evidently", domain.name, domain.title, answer["as_of"])
    write_json(folder / "summary.json", answer | {"periods": manifest(made)["periods"]})
    metrics = {name: answer[name] for name in ("drifted_share", "quality_ratio") if answer[name] is not None}
    if answer["served"]:
        metrics |= {f"served_{name}": answer["served"][name]["mean"] for name in ("ctr", "conversion")}
    files = [*paths, folder / "summary.json"]
    runs.log_report(domain.name, f"monitor {answer['as_of']}", metrics, key=made.name, files=files)
    return answer | {"reports": [str(path) for path in files]}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
