"""The whole report on the planted shop: before a champion, with one, again, and with newer data."""

import sys
from datetime import UTC, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pandas as pd
import pytest

from ml import steps
from ml.artifacts import read_json, write_json
from ml.domains import DOMAINS
from ml.tracking import registry, runs
from ml.tracking.store import client

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")
NOW = datetime(2026, 1, 2, tzinfo=UTC)
PAGES = {"user_features", "item_features", "user_item_features", "predictions", "quality"}


def planted_shop():
    path = Path(__file__).parents[1] / "bundle" / "shop.py"
    spec = spec_from_file_location("monitored_shop", path)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


shop = planted_shop()


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("monitored")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", str(folder))
        patch.setitem(DOMAINS, "retail", DOMAINS["retail"].model_copy(update={"baselines": ("popularity",)}))
        yield folder


def use_features(home: Path, name: str, as_of: datetime = shop.AS_OF, **sizes: int) -> Path:
    folder = home / "artifacts" / "features" / name
    if not folder.exists():
        shop.make_features(folder, as_of, **sizes)
    write_json(home / "current" / "retail" / "features.json", {"path": str(folder)})
    return folder


@pytest.fixture(scope="module")
def before(home):
    """The report of a domain that has no champion yet."""
    use_features(home, "first")
    return steps.report("retail")


@pytest.fixture(scope="module")
def champion(home, before):
    use_features(home, "first")
    training = steps.start_training("retail", {"models": ["popularity", "personal_frequency"]})
    for name in steps.trained_retrievers(training):
        steps.train_retriever(training, name)
    steps.train_ranker(training)
    version = steps.publish(training)["version"]
    registry.move_champion("retail", version, "planted", "test", at=NOW)
    return version


@pytest.fixture(scope="module")
def made(champion):
    return steps.report("retail")


def pages_of(answer: dict) -> set[str]:
    """Those of Evidently; what was served has a page of its own, always."""
    pages = {Path(path).stem for path in answer["reports"] if path.endswith(".html")}
    assert "served" in pages
    return pages - {"served"}


def logged() -> list:
    tracker = client()
    owner = tracker.get_experiment_by_name("retail").experiment_id
    return tracker.search_runs([owner], f"tags.`{runs.REPORT_TAG}` != ''")


def snapshots(home: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in (home / "evidently").glob("*/snapshots/*.json")}


def test_before_the_first_champion_only_features_are_compared(before):
    assert pages_of(before) == {"user_features", "item_features", "user_item_features"}
    assert (before["champion"], before["quality_ratio"], before["retrain"]) == (None, None, False)
    assert "no champion yet" in before["reasons"][-1]


def test_a_champion_is_held_to_its_own_test_window(made, champion):
    assert pages_of(made) == PAGES
    assert made["champion"] == champion
    assert made["as_of"] == "2018-01-01T05:00:00Z"
    assert 0.7 < made["quality_ratio"] < 1.3
    assert not made["retrain"]
    assert 0 <= made["drifted_share"] <= 1
    assert all(Path(path).stat().st_size for path in made["reports"])
    assert set(made) == {
        "domain", "as_of", "drifted_share", "drifted", "drifted_predictions", "quality_ratio", "retrain", "reasons",
        "reports", "champion", "served",
    }  # fmt: skip


def test_the_quality_is_that_of_the_evaluation(home, made):
    """The planted shop is small enough for the sample to hold every case."""
    quality = read_json(home / "reports/retail/evidently/20180101T050000Z/quality.json")
    ndcg = next(m for m in quality["metrics"] if m["metric_name"].startswith("NDCG"))["value"]["value"]["9"]
    summary = read_json(home / "reports/retail/evidently/20180101T050000Z/summary.json")
    assert f"nDCG@10 is {ndcg:.4f}" in summary["reasons"][1]
    assert summary["periods"]["last"] == "2017-12-25T05:00:00+00:00"


def test_a_second_report_changes_nothing(home, made):
    workspace, count = snapshots(home), len(logged())
    assert steps.report("retail") == made
    assert snapshots(home) == workspace
    assert len(workspace) == len(PAGES)
    assert len(logged()) == count == 2  # before the champion, and with it


def test_the_workspace_opens_in_evidentlys_own_library(home, made):
    from evidently.ui.workspace import Workspace

    opened = Workspace(str(home / "evidently"))
    (project,) = opened.list_projects()
    assert project.name == "Retail"
    names = {opened.get_run(project.id, run).name for run in opened.list_runs(project.id)}
    assert names == {f"2018-01-01 05:00 {page}" for page in PAGES}


def test_the_first_page_leads_to_every_report(home, made):
    index = (home / "reports/retail/evidently/index.html").read_text(encoding="utf-8")
    assert all(f'href="20180101T050000Z/{page}.html"' in index for page in PAGES)


def test_mlflow_keeps_the_figures_and_the_files(made):
    run = max(logged(), key=lambda run: run.info.start_time)
    assert run.info.run_name == "monitor 2018-01-01T05:00:00Z"
    assert run.data.metrics["quality_ratio"] == pytest.approx(made["quality_ratio"])
    files = {entry.path for entry in client().list_artifacts(run.info.run_id)}
    assert files == {Path(path).name for path in made["reports"]}


def test_newer_data_and_a_passed_threshold_start_a_retrain(home, champion, monkeypatch):
    use_features(home, "second", shop.AS_OF + timedelta(weeks=1), users=shop.USERS + 4, items=shop.ITEMS + 3)
    retail = DOMAINS["retail"]
    strict = retail.drift.model_copy(update={"minimum_quality_ratio": 10.0})
    monkeypatch.setitem(DOMAINS, "retail", retail.model_copy(update={"drift": strict}))
    answer = steps.report("retail")
    assert answer["retrain"]
    assert answer["as_of"] == "2018-01-08T05:00:00Z"
    assert "newer than the champion's" in answer["reasons"][-1]
    assert pages_of(answer) == PAGES
    use_features(home, "first")
    assert not steps.report("retail")["retrain"]


def test_sessions_of_nobody_are_reported(home, champion):
    """A source without users has no rows about them."""
    folder = use_features(home, "anonymous")
    for mart in ("user_features", "user_item_features", "user_category_features"):
        path = folder / f"{mart}.parquet"
        pd.read_parquet(path).iloc[:0].to_parquet(path)
    answer = steps.report("retail")
    assert "user_features" not in pages_of(answer)
    assert "item_features" in pages_of(answer)
