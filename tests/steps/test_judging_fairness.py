"""A training of a domain that declares what is fair is measured by it, and the gate reads what was found."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shop
from blind_models import assert_blind

from ml import steps
from ml.artifacts import read_json, write_json
from ml.bundle.bundle import open_bundle
from ml.data.windows import to_micros
from ml.domains import DOMAINS, Domain, Fairness
from ml.domains.eligibility import Eligibility
from ml.domains.eligibility_rules import Comparison
from ml.domains.facts import Fact
from ml.errors import BadInput, RunFailed
from ml.evaluation.fairness.treatment import everybody
from ml.retrieval.contract import State
from ml.settings import settings
from ml.steps.training import recommender_of
from ml.steps.workbench import open_workbench
from ml.tracking.store import client

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")
NOW = datetime(2026, 1, 2, tzinfo=UTC)
FACTS = {
    "sex": Fact(kind="category", description="as registered", protected=True),
    "age": Fact(kind="number", description="years", protected=True, bands=(40,)),
    "income": Fact(kind="number", description="a year"),
}
LIMITS = Fairness(minimum_group=5, maximum_calibration_gap=0.9)
ENOUGH_INCOME = Comparison(
    id="income", fact="income", operator=">=", value=4000, categories=("c1", "c3"),
    for_customer="Your income is too low.", for_auditor="Income below 4,000 a year.",
)  # fmt: skip
RULES = Eligibility(rules=(ENOUGH_INCOME,), categories=("c0", "c1", "c2", "c3", "c4"))


def declared(**changes) -> Domain:
    usual = {"user_facts": FACTS, "guarded_categories": ("c1", "c3"), "fairness": LIMITS, "baselines": ("popularity",)}
    usual |= {"eligibility": RULES}
    return Domain.model_validate(DOMAINS["retail"].model_dump() | usual | changes)


def states() -> pd.DataFrame:
    """Everybody's facts from before the first event on; of every tenth the sex is not known."""

    def attributes(user: int) -> str:
        return json.dumps({"sex": "fm"[user % 2] if user % 10 else None, "age": 20 + user * 2, "income": 1000.0 * user})

    users = range(shop.USERS)
    since = np.datetime64("2017-01-01T00:00:00", "us")
    return pd.DataFrame(
        {
            "user_id": [f"u{user:03}" for user in users],
            "valid_from": since,
            "attributes": [attributes(u) for u in users],
        }
    )


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", str(tmp_path_factory.mktemp("fairness")))
        patch.setitem(DOMAINS, "retail", declared())
        path = shop.make_features(settings().home / "artifacts" / "features" / "planted")
        states().to_parquet(path / "user_states.parquet")
        write_json(settings().domain_path("current", "retail") / "features.json", {"path": str(path)})
        steps.train("retail", "all", {"models": ["popularity", "personal_frequency"]})
        yield steps.last_training("retail")


@pytest.fixture(scope="module")
def measured(training):
    return steps.fairness(training)


def test_the_report_holds_every_group_of_every_protected_fact(training, measured):
    document = read_json(Path(measured["path"]) / "fairness.json")
    groups = {fact: [each["group"] for each in found["groups"]] for fact, found in document["facts"].items()}
    assert groups == {"sex": ["f", "m", "unknown"], "age": ["under 40", "40 and over"]}
    users = {each["group"]: each["users"] for each in document["facts"]["sex"]["groups"]}
    assert users == {"f": 12, "m": 15, "unknown": 3}
    assert document["requests"] == 2 * shop.USERS  # everybody at the start of both cadences
    assert document["inputs"]["popularity"] == ["place"]
    assert document["protected_inputs"] == {}
    assert document["facts"]["sex"]["predictability"]["mean"] >= 0


def test_slates_are_measured_after_the_rules_and_before(measured):
    facts = read_json(Path(measured["path"]) / "fairness.json")["facts"]
    young, older = facts["age"]["groups"]
    assert (young["eligible"]["mean"], older["eligible"]["mean"]) == (pytest.approx(0.6), pytest.approx(1))  # by income
    assert (young["eligible_users"], older["eligible_users"]) == (6, 20)
    assert young["exposure"]["mean"] < young["exposure_before_rules"]["mean"]
    assert older["exposure"]["mean"] > 0


def test_page_plot_and_figures_are_logged_to_the_run_of_the_training(training, measured):
    run = client().get_run(training["parent_run"])
    assert {"fairness_sex_approval_ratio", "fairness_age_calibration_gap", "fairness_sex_auc"} <= set(run.data.metrics)
    logged = {each.path for each in client().list_artifacts(training["parent_run"])}
    assert {"fairness.json", "fairness.md", "fairness.png"} <= logged


def test_a_second_time_nothing_is_measured_again(training, measured):
    assert steps.fairness(training) == measured


def test_the_models_are_blind_to_protected_facts(training):
    bench = open_workbench(training["features"], training["seed"])
    moment = to_micros(bench.dataset.windows.t3)
    model = recommender_of(training).refresh(State(bench.known.before(moment), moment))
    assert_blind(model, everybody(bench.dataset, moment, 100, 0), bench.features.at(moment), bench.dataset)


def test_the_gate_judges_the_sealed_report_by_the_limits_in_force(training, measured, monkeypatch):
    bundle = open_bundle(Path(steps.publish(training)["bundle"]))
    sealed = bundle.manifest["lineage"]["fairness"]
    assert sealed == read_json(Path(measured["path"]) / "fairness.json")
    fair = steps.judge("retail", at=NOW)["reasons"]
    strict = LIMITS.model_copy(update={"maximum_calibration_gap": 1e-9})
    monkeypatch.setitem(DOMAINS, "retail", declared(fairness=strict))
    decision = steps.judge("retail", at=NOW)
    added = [reason for reason in decision["reasons"] if reason not in fair]
    assert not decision["promote"]
    assert any("sex, group f: calibration gap" in reason and "1e-09" in reason for reason in added)


def test_a_bundle_without_the_report_is_refused_where_one_is_demanded(training, monkeypatch):
    monkeypatch.setitem(DOMAINS, "retail", declared(fairness=None))
    steps.publish(training)
    monkeypatch.setitem(DOMAINS, "retail", declared())
    decision = steps.judge("retail", at=NOW)
    assert not decision["promote"]
    assert "sealed without the fairness report" in decision["reasons"][-1]


def test_a_domain_that_declares_none_is_measured_by_none(training, monkeypatch):
    monkeypatch.setitem(DOMAINS, "retail", declared(fairness=None))
    with pytest.raises(BadInput, match="declares no fairness"):
        steps.fairness(training)
    bundle = open_bundle(Path(steps.publish(training)["bundle"]))
    assert "fairness" not in bundle.manifest["lineage"]


def test_guarded_categories_that_no_item_has_are_no_reason_to_pass(training, monkeypatch):
    monkeypatch.setitem(DOMAINS, "retail", declared(guarded_categories=("loans",)))
    open_workbench.cache_clear()
    with pytest.raises(RunFailed, match="guarded categories loans"):
        steps.fairness(training)
    open_workbench.cache_clear()
