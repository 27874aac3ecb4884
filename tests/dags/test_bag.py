"""What the DAG files declare, as Airflow reads them."""

import re

import pytest

from ml.domains import DOMAINS
from ml.steps.parameters import TrainingParameters
from ml.wheel.conventions import STAGES, WAREHOUSE_POOL, dag_id

GATES = {"validate_landing", "validate_marts"}
WRITERS = {"prepare", "validate_marts", "document_marts", "publish_features"}
EVERY_DOMAIN = pytest.mark.parametrize("domain", DOMAINS.values(), ids=lambda domain: domain.name)


def test_the_bag_is_not_empty_and_has_no_errors(bag):
    assert bag["errors"] == {}
    assert set(bag["dags"]) == {dag_id(domain, stage) for domain in DOMAINS for stage in STAGES}


def test_no_task_pays_for_the_libraries_of_another(bag):
    assert bag["heavy"] == []


def test_files_are_read_within_seconds(asking_bag):
    seconds = asking_bag["seconds"]
    assert set(seconds) == {f"{stage}.py" for stage in STAGES}
    assert max(seconds.values()) < 15


def test_every_dag_is_documented_and_runs_once_at_a_time(bag):
    for name, dag in bag["dags"].items():
        assert name.split("__")[0] in dag["doc"], name
        assert len(dag["tags"]) == 2, name
        assert (dag["catchup"], dag["max_active_runs"]) == (False, 1), name


def test_every_task_is_documented_bounded_and_tried_again_unless_it_is_a_gate(tasks):
    assert len(tasks) > 50
    for (dag, name), task in tasks.items():
        assert len((task["doc"] or "").strip()) > 10, f"{dag}.{name} has no documentation"
        assert task["timeout"], f"{dag}.{name} may run for ever"
        assert task["retries"] == (0 if name in GATES else 1), f"{dag}.{name}"


@EVERY_DOMAIN
def test_assets_join_the_stages_into_a_wheel(bag, tasks, domain):
    schedules = {stage: bag["dags"][dag_id(domain.name, stage)]["schedule"] for stage in STAGES}
    assert domain.retrain_schedule in schedules["features"]
    assert domain.monitor_schedule in schedules["monitor"]
    for stage in ("features", "monitor"):  # else a new machine makes up for what was due before it was there
        assert "run_immediately=datetime.timedelta(0)" in schedules[stage].replace(" ", "")
    for stage, last, asset, following in (
        ("features", "publish_features", "features", "train"),
        ("train", "publish", "challenger", "promote"),
        ("promote", "recommend_all", "champion", "monitor"),
    ):
        name = f"{domain.name}/{asset}"
        assert tasks[dag_id(domain.name, stage), last]["outlets"] == [name]
        assert f"name={name!r}" in schedules[following]


@EVERY_DOMAIN
def test_features_pass_both_gates_before_they_are_published(tasks, domain):
    dag = dag_id(domain.name, "features")
    for before, after in [
        ("land", "land_served"),
        ("land_served", "validate_landing"),
        ("validate_landing", "plan"),
        ("plan", "prepare"),
        ("prepare", "dbt.completed_snapshots.run"),
        ("dbt.no_event_of_the_future_test", "dbt.completed_snapshots.run"),
        ("dbt.completed_snapshots.test", "validate_marts"),
        ("validate_marts", "publish_features"),
    ]:
        assert after in reached(tasks, dag, before), f"{after} does not follow {before}"


@EVERY_DOMAIN
def test_fairness_is_measured_before_a_bundle_is_sealed_where_a_domain_declares_it(tasks, domain):
    dag = dag_id(domain.name, "train")
    assert ((dag, "fairness") in tasks) == (domain.fairness is not None)
    if domain.fairness is not None:
        assert "fairness" in reached(tasks, dag, "train_ranker")
        assert "publish" in reached(tasks, dag, "fairness")


@EVERY_DOMAIN
def test_marts_that_were_built_before_pass_their_gate_again(tasks, domain):
    dag = dag_id(domain.name, "features")
    skipped = set(tasks[dag, "prepare"]["downstream"])
    assert {
        name for owner, name in tasks if owner == dag and name.startswith("dbt.") and name.endswith("run")
    } <= skipped
    assert tasks[dag, "validate_marts"]["trigger_rule"] == "none_failed"
    assert tasks[dag, "publish_features"]["trigger_rule"] == "none_failed"


def reached(tasks, dag, start):
    """Every task that follows one."""
    found, waiting = set(), [start]
    while waiting:
        following = set(tasks[dag, waiting.pop()]["downstream"]) - found
        found |= following
        waiting += following
    return found


@EVERY_DOMAIN
def test_one_process_at_a_time_opens_the_warehouse(tasks, domain):
    dag = dag_id(domain.name, "features")
    pools = {name: task["pool"] for (owner, name), task in tasks.items() if owner == dag}
    models = {name for name in pools if name.startswith("dbt.")}
    assert len(models) > 20
    assert {name for name, pool in pools.items() if pool == WAREHOUSE_POOL} == models | WRITERS


@EVERY_DOMAIN
def test_every_mart_has_a_task_with_its_tests_beside_it(tasks, domain):
    names = {name for owner, name in tasks if owner == dag_id(domain.name, "features")}
    for mart in ("events", "sessions", "items", "users", "user_features", "item_features", "user_item_features"):
        assert {f"dbt.{mart}.run", f"dbt.{mart}.test"} <= names


@EVERY_DOMAIN
def test_each_retriever_has_a_task_of_its_own(tasks, domain):
    dag = dag_id(domain.name, "train")
    wanted = {f"train_{name}" for name in (*domain.quotas, *domain.baselines)}
    found = {name for owner, name in tasks if owner == dag and name in tasks[dag, "start_training"]["downstream"]}
    assert wanted <= found
    assert tasks[dag, "train_ranker"]["trigger_rule"] == "none_failed"  # retrievers that were not chosen are skipped


@EVERY_DOMAIN
def test_features_of_another_day_are_made_by_one_writer_before_the_training_starts(tasks, domain):
    dag = dag_id(domain.name, "train")
    assert tasks[dag, "features_as_of"]["downstream"] == ["search_parameters"]
    pools = {name for (owner, name), task in tasks.items() if owner == dag and task["pool"] == WAREHOUSE_POOL}
    assert pools == {"features_as_of"}


@EVERY_DOMAIN
def test_the_form_of_a_training_offers_what_a_training_takes(bag, domain):
    params = bag["dags"][dag_id(domain.name, "train")]["params"]
    assert set(params) == set(TrainingParameters.model_fields)
    for name, param in params.items():
        assert param["description"] == TrainingParameters.model_fields[name].description
        assert param["schema"]["type"]
    assert params["models"]["schema"]["items"]["enum"] == list(domain.quotas)
    assert params["models"]["value"] == list(domain.usual_retrievers)
    assert params["seed"]["schema"]["type"] == "integer"
    assert params["as_of"]["schema"]["format"] == "date"


@EVERY_DOMAIN
def test_the_form_of_a_promotion_offers_what_slates_for_everybody_are_for(bag, domain):
    params = bag["dags"][dag_id(domain.name, "promote")]["params"]
    assert set(params) == {"outputs"}
    assert (params["outputs"]["value"], params["outputs"]["schema"]["enum"]) == (None, ["new", "owned", "mixed", None])


@EVERY_DOMAIN
def test_features_may_be_built_as_of_a_day(bag, domain):
    as_of = bag["dags"][dag_id(domain.name, "features")]["params"]["as_of"]
    assert (as_of["value"], as_of["schema"]["format"]) == (None, "date")
    assert as_of["description"]


def test_a_person_is_asked_only_where_that_is_switched_on(asking_bag, bag):
    for domain in DOMAINS:
        silent = bag["dags"][dag_id(domain, "promote")]["tasks"]
        assert silent["accepted"]["downstream"] == ["promote"]
        asked = asking_bag["dags"][dag_id(domain, "promote")]["tasks"]
        assert asked["accepted"]["downstream"] == ["approve"]
        assert asked["approve"]["downstream"] == ["promote"]
        assert asked["approve"]["operator"] == "ApprovalOperator"


@EVERY_DOMAIN
def test_drift_starts_the_next_turn(tasks, domain):
    dag = dag_id(domain.name, "monitor")
    assert tasks[dag, "report"]["downstream"] == ["retrain_needed"]
    assert tasks[dag, "retrain_needed"]["downstream"] == ["retrain"]
    assert re.search("TriggerDagRun", tasks[dag, "retrain"]["operator"])
