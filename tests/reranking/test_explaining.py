import json

import numpy as np
import pandas as pd
import pytest
from little_bank import DAY, NOW, WORDS, items_of, requests_of, users_of

from ml.data.occurrences import Occurrences
from ml.domains.eligibility import Eligibility
from ml.domains.eligibility_rules import Comparison, Consent, Exclusive, Flag, Membership, RecentEvent
from ml.errors import BadInput
from ml.reranking.eligibility import decide, decision_log, explain

SEEN = items_of(tile=("account", {}), loan=("credit", {"minimum_age": 18}))
RULES = Eligibility(
    version=4,
    rules=(
        Comparison(id="adult", version=2, fact="age", operator=">=", item_fact="minimum_age", categories=("credit",),
                   **WORDS),
        Flag(id="resident", fact="resident", equals=True, categories=("credit",), **WORDS),
        Membership(id="country", fact="country", among=("ES",), categories=("credit",), **WORDS),
        Exclusive(id="one", not_with=("tile",), items=("loan",), **WORDS),
        RecentEvent(id="refused", events=("refuse",), days=10, **WORDS),
        Consent(id="consent", channels={"email": "consent_email"}, **WORDS),
    ),
    categories=("account", "credit"), items=("tile", "loan"), required={"account": (), "credit": ("age", "income")},
)  # fmt: skip
REFUSED = Occurrences.of_events(np.zeros(1, np.int32), np.ones(1, np.int32), np.array([NOW - DAY]))
REQUESTS = requests_of(
    users_of({"age": 17, "country": "ES", "consent_email": False}, {}), held=[[0], []], occurrences={"refuse": REFUSED}
)
CHANNEL = np.array(["email", None], object)
DECIDED = decide(RULES, REQUESTS, SEEN, channel=CHANNEL)


def test_every_rule_says_what_it_found_and_on_what_facts() -> None:
    said = {each.rule: each for each in explain(DECIDED, REQUESTS, 0, 1)}
    assert list(said) == ["adult", "resident", "country", "one", "refused", "consent", "required_facts"]
    assert {name: (each.verdict, each.facts) for name, each in said.items()} == {
        "adult": ("failed", {"age": 17.0, "item.minimum_age": 18.0}),
        "resident": ("unknown fact", {"resident": None}),
        "country": ("passed", {"country": "ES"}),
        "one": ("failed", {"one.held": ["tile"]}),
        "refused": ("failed", {"last refuse of the item": "2016-07-17T00:00:00"}),
        "consent": ("failed", {"channel": "email", "channel.consent": False}),
        "required_facts": ("unknown fact", {"age": 17.0, "income": None}),
    }
    assert said["adult"].version == 2
    assert said["required_facts"].version == 4
    assert (said["adult"].for_customer, said["adult"].for_auditor) == (WORDS["for_customer"], WORDS["for_auditor"])


def test_a_rule_of_other_items_or_of_channels_alone_does_not_apply() -> None:
    said = {each.rule: each.verdict for each in explain(DECIDED, REQUESTS, 1, 0)}
    assert said == dict.fromkeys(("adult", "resident", "country", "one", "consent"), "does not apply") | {
        "refused": "passed", "required_facts": "passed",
    }  # fmt: skip


def test_what_is_no_item_cannot_be_explained() -> None:
    decided = decide(RULES, REQUESTS, SEEN, np.full((2, 1), -1, np.int32))
    with pytest.raises(BadInput, match="candidate 0 of request 1 is no item"):
        explain(decided, REQUESTS, 1, 0)


def test_the_log_names_the_rules_and_the_facts_of_every_decision() -> None:
    log = decision_log(DECIDED, REQUESTS, np.array(["ann", "bob"], object))
    assert list(zip(log["user_id"], log["item_id"], log["allowed"], log["rules"], strict=True)) == [
        ("ann", "tile", False, ("consent@1",)),
        ("ann", "loan", False, ("adult@2", "resident@1", "one@1", "refused@1", "consent@1", "required_facts@4")),
        ("bob", "tile", True, ()),
        ("bob", "loan", False, ("adult@2", "resident@1", "country@1", "required_facts@4")),
    ]
    assert (log["moment"] == pd.Timestamp("2016-07-18", tz="UTC")).all()
    assert (log["ruleset"] == RULES.digest).all()
    for place, (row, column) in enumerate(np.ndindex(2, 2)):
        explained = explain(DECIDED, REQUESTS, row, column)
        assert json.loads(log["facts"][place]) == {k: v for each in explained for k, v in each.facts.items()} | (
            {"channel": None, "channel.consent": None} if row else {}
        )


def test_the_log_leaves_out_what_is_no_item() -> None:
    decided = decide(RULES, REQUESTS, SEEN, np.array([[1, -1], [-1, 0]], np.int32))
    log = decision_log(decided, REQUESTS, np.array(["ann", "bob"], object))
    assert log["item_id"].tolist() == ["loan", "tile"]


def test_a_decision_names_another_ruleset_when_any_rule_changes() -> None:
    changed = RULES.model_copy(update={"rules": RULES.rules[1:]})
    assert len(RULES.digest) == 64
    assert RULES.digest != changed.digest


def test_candidates_and_channels_are_one_row_a_request() -> None:
    with pytest.raises(BadInput, match="2 requests have 1 rows of channel"):
        decide(RULES, REQUESTS, SEEN, channel=np.array([None], object))
