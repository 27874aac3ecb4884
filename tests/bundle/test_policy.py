"""No way to a slate goes round the rules: each is walked on the planted shop, where a rule forbids one category."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shop

from ml import steps
from ml.artifacts import manifest
from ml.bundle.bundle import open_bundle
from ml.bundle.policy import Asking
from ml.bundle.seal import Sealed, seal
from ml.bundle.served import Served, open_served
from ml.cli import main
from ml.data.arrays import Ragged
from ml.domains.eligibility import Eligibility
from ml.domains.eligibility_rules import Flag
from ml.domains.facts import Fact
from ml.domains.reranking import Exploration, Pin, Reranking
from ml.errors import BadInput
from ml.reranking.choice import Choice
from ml.steps import batch, explaining, recommending
from ml.steps.publishing import _refuse_silence
from ml.tracking.registry import Version

FORBIDDEN = {f"i{number:03}" for number in range(2, shop.ITEMS, 5)}  # category c2: nobody is known to be of age
EVERYBODY = [*(f"u{user:03}" for user in range(shop.USERS)), "nobody"]
RULE = Flag(
    id="of_age", version=3, fact="adult", equals=True, categories=("c2",),
    for_customer="You did not tell us your age.", for_auditor="Minors are not offered c2: policy 7.",
)  # fmt: skip
POLICY = {
    "user_facts": {"adult": Fact(kind="flag", description="Of age.")},
    "eligibility": Eligibility(rules=(RULE,), categories=("c0", "c1", "c2", "c3", "c4")),
    "reranking": Reranking(
        pool=25, pins=(Pin(item_id="i002", position=1), Pin(item_id="i003", position=2)),
        exploration=Exploration(epsilon=0.5),
    ),
}  # fmt: skip
VERSION = Version(4, ("champion",), "b", "f", "", "", "c", 7, None, {})


def sealed_under(home, parts, changes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", str(home))
        dataset = replace(parts.dataset, domain=parts.dataset.domain.model_copy(update=changes))
        return open_bundle(seal(Sealed(parts.recommender, dataset, parts.features), shop.lineage("x"), seed=0))


@pytest.fixture(scope="module")
def strict(home, parts):
    return sealed_under(home, parts, POLICY)


@pytest.fixture
def serving(strict, tmp_path, monkeypatch):
    """The strict bundle as the champion of a home of its own."""
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    for module in (recommending, batch, explaining):
        monkeypatch.setattr(module, "champion", lambda _: (VERSION, strict))
    return strict


def by_array(bundle, capsys):
    users = np.arange(-1, shop.USERS, dtype=np.int32)
    found = bundle.slates(users, 10)
    return bundle.items.ids[found.item[found.item >= 0]]


def by_array_of_few(bundle, capsys):
    """All else is excluded: the forbidden items are all that the retrievers may find."""
    allowed = np.flatnonzero(~np.isin(bundle.items.ids, list(FORBIDDEN))).astype(np.int32)
    exclude = Ragged(np.array([0, len(allowed)]), allowed)
    found = bundle.answer(np.array([3], np.int32), 10, exclude=exclude)
    assert found.reranked.shortfall(0) == "no_eligible_items"
    return bundle.items.ids[found.reranked.item[found.reranked.item >= 0]]


def by_list(bundle, capsys):
    slates = bundle.recommend(EVERYBODY, 10, Asking(Choice(interests=("c2", "c3")), "email"))
    assert all(slate.rules == ("of_age@3", "required_facts@1") for slate in slates)
    return [item.item_id for slate in slates for item in slate.items]


def by_mlflow(bundle, capsys):
    return Served(bundle, 10).predict(pd.DataFrame({"user_id": EVERYBODY}))["item_id"]


def by_step(bundle, capsys):
    return [item["item_id"] for user in EVERYBODY for item in steps.recommend("retail", user, 40)["items"]]


def by_batch(bundle, capsys):
    return pd.read_parquet(steps.recommend_all("retail")["path"])["item_id"]


def by_command(bundle, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["recommend", "--user", "nobody", "--interest", "c2", "--interest", "c1", "--json"])
    assert ended.value.code == 0
    return [item["item_id"] for item in json.loads(capsys.readouterr().out)["items"]]


WAYS = [by_array, by_array_of_few, by_list, by_mlflow, by_step, by_batch, by_command]


@pytest.mark.parametrize("way", WAYS)
def test_what_a_rule_removed_is_in_no_slate(way, serving, capsys):
    shown = set(way(serving, capsys))
    assert not shown & FORBIDDEN
    assert shown or way is by_array_of_few


def test_without_the_rule_the_same_ways_show_it(bundle, capsys):
    assert set(by_array(bundle, capsys)) & FORBIDDEN


def test_opened_again_the_sealed_policy_holds_whatever_is_declared_now(strict):
    with shop.declaring():
        opened = open_served(strict.path).bundle
    assert opened.policy.eligibility == POLICY["eligibility"]
    assert opened.policy.reranker.policy == POLICY["reranking"]
    everybody = np.arange(shop.USERS, dtype=np.int32)
    assert np.array_equal(opened.slates(everybody, 10).item, strict.slates(everybody, 10).item)


def test_another_policy_is_another_bundle(bundle, strict):
    assert bundle.path != strict.path
    assert {"policy.json", "shelf.parquet"} <= strict.manifest["files"].keys()


def test_pins_stand_where_they_are_allowed(strict):
    (slate,) = strict.recommend(["u001"], 5)
    assert slate.items[1].item_id == "i003"
    assert "pinned" in slate.items[1].reasons
    assert slate.items[1].propensity == 1
    assert "i002" not in [item.item_id for item in slate.items]


def test_rules_that_leave_a_stranger_nothing_are_no_reason_to_refuse_a_bundle(home, parts):
    nothing = Eligibility(rules=(RULE.model_copy(update={"categories": ()}),))
    closed = sealed_under(home, parts, POLICY | {"eligibility": nothing})
    _refuse_silence(closed)
    (slate,) = closed.recommend(["nobody"], 5)
    assert slate.items == ()
    assert slate.shortfall == "no_eligible_items"
    assert slate.removed["rules"] == sum(slate.removed.values()) > 0


def test_the_batch_logs_propensities_and_every_decision(serving):
    made = steps.recommend_all("retail")
    folder = Path(made["path"]).parent
    shown, decided = (pd.read_parquet(folder / name) for name in (batch.SLATES, batch.DECISIONS))
    assert shown["explored"].any()
    assert (shown["propensity"].between(0, 1, inclusive="right")).all()
    assert (shown.loc[shown["position"] == 2, "propensity"] == 1).all()  # the pin
    joined = shown.merge(decided, on=["slate_id", "item_id"], suffixes=("", "_decided"))
    assert len(joined) == len(shown)
    assert joined["allowed"].all()
    forbidden = decided[decided["item_id"].isin(FORBIDDEN)]
    assert len(forbidden)
    assert not forbidden["allowed"].any()
    assert {tuple(rules) for rules in forbidden["rules"]} == {("of_age@3", "required_facts@1")}
    assert {tuple(names) for names in forbidden["steps"]} == {("rules",)}
    assert {json.loads(facts)["adult"] for facts in forbidden["facts"]} == {None}
    assert decided["slate_id"].nunique() == shop.USERS + 1
    assert set(manifest(folder)["files"]) == {"slates.parquet", "decisions.parquet"}


def test_the_batch_may_be_answered_a_few_users_at_a_time(serving, tmp_path, monkeypatch):
    whole = batch._write(tmp_path, serving, 4, 10)
    parts = tmp_path / "parts"
    parts.mkdir()
    monkeypatch.setattr(batch, "CHUNK", 7)
    assert batch._write(parts, serving, 4, 10) | {"files": None} == whole | {"files": None}
    for name in ("slates.parquet", "decisions.parquet"):
        pd.testing.assert_frame_equal(pd.read_parquet(parts / name), pd.read_parquet(tmp_path / name))


def test_it_is_explained_why_an_item_is_not_shown(serving):
    told = steps.explain("retail", "u003", "i002")
    assert not told["shown"]
    assert told["taken_by"] == ["rules"]
    assert told["why"] == "taken away by: rules"
    rule = next(rule for rule in told["rules"] if rule["rule"] == "of_age")
    assert (rule["version"], rule["verdict"], rule["facts"]) == (3, "unknown fact", {"adult": None})
    assert rule["for_customer"] == RULE.for_customer
    assert rule["for_auditor"] == RULE.for_auditor


def test_it_is_explained_why_an_item_is_shown(serving):
    for item in steps.recommend("retail", "u003", 10)["items"]:
        told = steps.explain("retail", "u003", item["item_id"])
        assert (told["shown"], told["position"]) == (True, item["position"])
        assert told["propensity"] == item["propensity"]
        assert f"place {item['position']}" in told["why"]


def test_every_item_has_an_explanation(serving):
    told = [steps.explain("retail", "u003", str(item), interests=["c1"]) for item in serving.items.ids]
    assert sum(each["shown"] for each in told) == len(steps.recommend("retail", "u003", 10, interests=["c1"])["items"])
    whys = {each["why"].split(";")[0].rstrip("0123456789 ") for each in told}
    assert "taken away by: choice" in whys
    assert all(each["rank"] is None or each["rank"] >= 1 for each in told)
    with pytest.raises(BadInput, match="no item 'i999'"):
        steps.explain("retail", "u003", "i999")


def test_the_explanation_is_a_command(serving, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["explain", "--user", "u003", "--item", "i002"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "taken away by: rules" in shown
    assert "of_age@3" in shown
