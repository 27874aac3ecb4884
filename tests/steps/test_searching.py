"""Searches on the planted shop, logged in a real MLflow store."""

import pytest
import shop

from ml import steps
from ml.artifacts import write_json
from ml.domains import DOMAINS
from ml.errors import BadInput
from ml.retrieval import RETRIEVERS
from ml.search import searched_parameters
from ml.search.space import distributions
from ml.settings import settings
from ml.steps.parameters import RANKER, kind_of
from ml.steps.tuned import tuned_parameters, tuned_path
from ml.tracking.store import client

MODELS = {"models": ["popularity", "item_to_item"]}


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("searched")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", str(folder / "home"))
        patch.setenv("SLATE_PROJECT", str(folder / "project"))
        patch.setitem(DOMAINS, "retail", DOMAINS["retail"].model_copy(update={"baselines": ("popularity",)}))
        features = folder / "home" / "artifacts" / "features" / "current"
        shop.make_features(features, shop.AS_OF)
        write_json(settings().domain_path("current", "retail") / "features.json", {"path": str(features)})
        yield folder


@pytest.mark.parametrize("model", [name for name in (*RETRIEVERS, RANKER) if searched_parameters(kind_of(name))])
def test_every_default_lies_within_what_is_searched(model):
    defaults = kind_of(model)().model_dump()
    for name, distribution in distributions(kind_of(model)).items():
        assert distribution._contains(distribution.to_internal_repr(defaults[name])), name


def test_a_search_is_no_worse_than_the_default_and_a_child_run_shows_each_trial():
    found = steps.search("retail", "popularity", 4)
    assert found["best"]["value"] >= found["default"]["value"] > 0
    assert found["default"]["parameters"] == {"half_life_days": 14.0, "shrinkage": 3000.0}
    parent = client().get_run(found["run"])
    assert parent.info.status == "FINISHED"
    children = client().search_runs(
        [parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{found['run']}'", order_by=["start_time ASC"]
    )
    assert [run.info.run_name for run in children] == [f"popularity trial {number}" for number in range(4)]
    assert max(run.data.metrics["validation_all_recall_at_100"] for run in children) == found["best"]["value"]


def test_a_longer_search_goes_on_with_the_same_run():
    shorter = steps.search("retail", "popularity", 4)
    longer = steps.search("retail", "popularity", 6)
    assert (longer["run"], longer["trials"]) == (shorter["run"], 6)
    assert longer["default"] == shorter["default"]


def test_what_is_kept_reaches_every_training_below_what_a_person_chooses():
    found = steps.search("retail", "item_to_item", 4, keep=True)["best"]["parameters"]
    assert tuned_parameters("planted") == {"item_to_item": found}
    training = steps.start_training("retail", MODELS)
    assert training["retriever_parameters"]["item_to_item"].items() >= found.items()
    searched = steps.start_training("retail", MODELS, {"item_to_item": {"shrinkage": 5.5}})
    assert searched["retriever_parameters"]["item_to_item"]["shrinkage"] == 5.5
    assert steps.search("retail", "item_to_item", 4)["run"] == steps.search("retail", "item_to_item", 4)["run"]
    tuned_path("planted").unlink()


def test_a_training_with_trials_searches_each_of_its_retrievers():
    found = steps.search_all("retail", MODELS | {"search_trials": 2})
    assert set(found) == {"popularity", "item_to_item"}
    assert steps.search_all("retail", MODELS) == {}


def test_the_ranker_is_searched_over_what_its_retrievers_find_once(monkeypatch):
    steps.train("retail", "all", MODELS)
    found = steps.search("retail", "ranker", 2, MODELS)
    assert found["objective"] == "validation_ndcg@10"
    assert found["best"]["value"] >= found["default"]["value"]
    monkeypatch.delattr("ml.steps.searching.ranker_rows")  # trials that are there need no rows
    assert steps.search("retail", "ranker", 2, MODELS) == found


@pytest.mark.parametrize(
    ("model", "trials", "options", "message"),
    [
        ("crystal_ball", 3, {}, "no retriever 'crystal_ball'"),
        ("personal_then_popular", 3, {}, "no parameter that says how far"),
        ("popularity", 0, {}, "at least one trial"),
        ("popularity", 3, {"objective": "clicks"}, "choose from validation_all_recall@100"),
    ],
)
def test_what_cannot_be_searched_is_refused(model, trials, options, message):
    with pytest.raises(BadInput, match=message):
        steps.search("retail", model, trials, **options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models: {als: {epochs: 0}}", r"planted.yaml, models.als: epochs: .*greater than or equal to 1.*correct it"),
        ("models: {als: {epoch: 3}}", "epoch"),
        ("models: [als]", "models"),
        ("models: {crystal_ball: {}}", "crystal_ball"),
        ("models: {als", "cannot be read as YAML"),
    ],
)
def test_a_wrong_parameter_file_is_named_with_its_field(text, message):
    tuned_path("planted").parent.mkdir(parents=True, exist_ok=True)
    tuned_path("planted").write_text(text)
    with pytest.raises(BadInput, match=message):
        tuned_parameters("planted")
    tuned_path("planted").unlink()
