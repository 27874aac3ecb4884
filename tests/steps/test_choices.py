"""A training takes what models see and what slates are for as parameters, and refuses what it cannot learn."""

from dataclasses import replace

import numpy as np
import planted_members as members
import pytest
import shop

from ml.artifacts import write_json
from ml.data.dataset import Dataset
from ml.data.holdings import FOREVER
from ml.domains import DOMAINS
from ml.domains.domain import Holdings as HoldingEvents
from ml.errors import BadInput
from ml.settings import settings
from ml.steps.choices import refuse_unlearnable_outputs
from ml.steps.parameters import parse_parameters
from ml.steps.publishing import configuration_of
from ml.steps.training import describe_training, recommender_of, retriever_artifact
from ml.steps.workbench import workbench_of

CHOSEN = {"models": ["popularity", "personal_frequency"]}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The planted shop, whose visitors keep what they buy and look at things online."""
    changes = {
        "online_events": ("view", "add_to_basket"), "holdings": HoldingEvents(begin=("purchase",)),
        "baselines": ("popularity",),
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setitem(DOMAINS, "retail", DOMAINS["retail"].model_copy(update=changes))
        path = shop.make_features(settings().home / "artifacts" / "features" / "planted")
        write_json(settings().domain_path("current", "retail") / "features.json", {"path": str(path)})
        yield


def described(**chosen):
    return describe_training("retail", parse_parameters(CHOSEN | chosen))


def test_each_choice_is_a_configuration_and_an_artifact_of_its_own(home):
    trainings = [described(), described(inputs="offline"), described(inputs="online"), described(outputs="owned")]
    assert [(each["inputs"], each["outputs"]) for each in trainings] == [
        ("both", "mixed"), ("offline", "mixed"), ("online", "mixed"), ("both", "owned"),
    ]  # fmt: skip
    for identity in (lambda training: training["key"], configuration_of):
        assert len({identity(training) for training in trainings}) == len(trainings)
    folders = {retriever_artifact(training, "popularity") for training in trainings[:2]}
    assert len(folders) == 2


def test_the_recommender_and_its_features_see_what_was_chosen(home):
    training = described(inputs="online")
    recommender, bench = recommender_of(training), workbench_of(training)
    assert recommender.visible.inputs == "online"
    assert bench.features.features["user_features"] == ()
    assert not {name for name in recommender.ranker.features if "purchases" in name}
    assert {"user_purchases", "item_purchases"} <= set(recommender_of(described()).ranker.features)
    asked = bench.batches["test"][0].requests
    assert len(asked.history.item)  # cases are of all that is known
    assert not (recommender.retrieve(asked)["personal_frequency"].item >= 0).any()


def test_owned_slates_are_ranked_from_what_users_have(home):
    bench = workbench_of(described(outputs="owned"))
    requests = bench.batches["test"][0].requests
    assert bench.dataset.knowledge.outputs == "owned"
    assert (requests.barred.lengths + requests.held.lengths == shop.ITEMS).all()


@pytest.mark.parametrize(
    ("chosen", "message"),
    [({"inputs": "offsite"}, "inputs"), ({"outputs": "used"}, "outputs"), ({"inputs": None, "outputs": 3}, "outputs")],
)
def test_other_choices_are_bad_input(chosen, message):
    with pytest.raises(BadInput, match=message):
        parse_parameters(chosen)


def test_inputs_that_the_domain_does_not_part_are_refused_before_anything_is_trained(home, monkeypatch):
    monkeypatch.setitem(DOMAINS, "retail", DOMAINS["retail"].model_copy(update={"online_events": ()}))
    with pytest.raises(BadInput, match="retail does not declare which events are online"):
        described(inputs="offline")


@pytest.fixture(scope="module")
def joining() -> Dataset:
    """Members who only ever take what they have not."""
    return members.planted(120)


@pytest.mark.parametrize("outputs", ["owned", "mixed"])
def test_what_nobody_takes_again_cannot_be_learned_for_those_who_have_it(joining, outputs):
    with pytest.raises(BadInput, match=rf"outputs: {outputs} cannot be learned from members: .* \(add\) what they had"):
        refuse_unlearnable_outputs(joining, outputs)


def test_what_is_taken_by_those_who_have_it_can_be_learned(joining):
    holdings = joining.knowledge.holdings
    always = replace(holdings, since=np.zeros_like(holdings.since), until=np.full_like(holdings.until, FOREVER))
    keeping = replace(joining, knowledge=replace(joining.knowledge, holdings=always))
    for outputs in ("owned", "mixed"):
        refuse_unlearnable_outputs(keeping, outputs)


def test_new_items_can_always_be_learned_and_nothing_is_new_where_nothing_is_kept(joining):
    refuse_unlearnable_outputs(joining, "new")
    used_up = replace(joining, domain=joining.domain.model_copy(update={"holdings": HoldingEvents()}))
    with pytest.raises(BadInput, match="members does not declare what users have"):
        refuse_unlearnable_outputs(used_up, "new")
