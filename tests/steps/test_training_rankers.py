"""A training of the planted shop fits the rankers that it is asked for, and keeps the better one."""

import pytest
import shop

from ml import steps
from ml.artifacts import manifest, write_json
from ml.ranking import RANKERS
from ml.settings import settings
from ml.steps.training import ranker_artifact, recommender_of
from ml.tracking.store import client


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", str(tmp_path_factory.mktemp("home")))
        path = shop.make_features(settings().home / "artifacts" / "features" / "planted")
        write_json(settings().domain_path("current", "retail") / "features.json", {"path": str(path)})
        yield


def trained(ranker: str) -> tuple[dict, dict]:
    steps.train("retail", "ranker", {"models": ["popularity"], "ranker": ranker, "epochs": 1})
    training = steps.last_training("retail")
    return training, manifest(ranker_artifact(training))


def logged(training: dict) -> dict[str, dict[str, float]]:
    """Metrics of the child runs, by name."""
    parent = client().get_run(training["parent_run"])
    children = client().search_runs(
        [parent.info.experiment_id], f"tags.mlflow.parentRunId = '{training['parent_run']}'"
    )
    return {run.info.run_name: run.data.metrics for run in children}


def test_the_better_of_both_is_kept_and_both_are_logged(home):
    training, described = trained("best")
    reached = {name: each["metrics"]["validation_ndcg@10"] for name, each in described["rankers"].items()}
    assert set(reached) == set(RANKERS)
    kept = max(reached, key=reached.get)
    assert (described["ranker"], described["metrics"]["validation_ndcg@10"]) == (kept, reached[kept])
    assert recommender_of(training).ranker.name == kept
    other = next(name for name in reached if name != kept)
    measured = {name: metrics["validation_ndcg_at_10"] for name, metrics in logged(training).items()}
    assert measured == {"ranker": pytest.approx(reached[kept]), f"ranker_{other}": pytest.approx(reached[other])}


def test_one_alone_is_fitted_where_it_is_chosen(home):
    training, described = trained("dcn")
    assert (described["ranker"], list(described["rankers"])) == ("dcn", ["dcn"])
    assert recommender_of(training).ranker.parameters.epochs == 1
    assert list(logged(training)) == ["ranker"]
