"""What holds for any rules, users and items."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from little_bank import COUNTRIES, DAY, ITEM_FACTS, NOW, USER_FACTS, WORDS, items_of, requests_of, table, users_of

from ml.data.occurrences import Occurrences
from ml.data.requests import Requests
from ml.domains.eligibility import Eligibility
from ml.domains.eligibility_rules import (
    Affordability,
    Comparison,
    Consent,
    Exclusive,
    Flag,
    Membership,
    RecentEvent,
)
from ml.reranking.eligibility import ItemsSeen, decide
from ml.reranking.eligibility.scope import Scope

CATEGORIES, IDS = ("credit", "account"), ("a", "b", "c", "d")
RULES = (
    Comparison(id="adult", fact="age", operator=">=", item_fact="minimum_age", **WORDS),
    Comparison(id="earns", fact="income", operator=">", value=1000, categories=("credit",), **WORDS),
    Flag(id="resident", fact="resident", equals=True, items=("a",), categories=("account",), **WORDS),
    Membership(id="country", fact="country", among=("ES",), items=("b", "c"), **WORDS),
    Affordability(id="affordable", instalment="instalment", income="income", item_instalment="instalment",
                  limit=0.5, categories=("credit",), **WORDS),
    Exclusive(id="one", items=("a", "b"), not_with=("a", "b", "d"), **WORDS),
    RecentEvent(id="refused", events=("refuse",), days=10, of="category", categories=("credit",), **WORDS),
    Consent(id="consent", channels={"email": "consent_email"}, **WORDS),
)  # fmt: skip
known = {
    "number": st.sampled_from([0, 17, 18, 500, 5000]),
    "flag": st.booleans(),
    "category": st.sampled_from(COUNTRIES),
}
users = st.fixed_dictionaries({}, optional={name: known[fact.kind] for name, fact in USER_FACTS.items()})
items = st.fixed_dictionaries({}, optional={name: known[fact.kind] for name, fact in ITEM_FACTS.items()})
required = st.dictionaries(
    st.sampled_from([*CATEGORIES, *IDS]), st.lists(st.sampled_from(list(USER_FACTS)), max_size=3).map(tuple)
)


@st.composite
def rulesets(draw: st.DrawFn) -> Eligibility:
    chosen = draw(st.lists(st.sampled_from(RULES), unique_by=lambda rule: rule.id))
    return Eligibility(rules=tuple(chosen), categories=CATEGORIES, items=IDS, required=draw(required))


@st.composite
def catalogues(draw: st.DrawFn) -> ItemsSeen:
    kinds = st.sampled_from([*CATEGORIES, "never heard of", None])
    return items_of(**{name: (draw(kinds), draw(items)) for name in IDS})


@st.composite
def asked(draw: st.DrawFn) -> Requests:
    facts = users_of(*draw(st.lists(users, min_size=1, max_size=5)))
    count = len(facts)
    held = draw(st.lists(st.lists(st.integers(0, 3), unique=True), min_size=count, max_size=count))
    happened = draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, 3), st.integers(-1, 12))))
    user, item, ago = np.array(happened or np.zeros((0, 3)), np.int64).T
    refusals = Occurrences.of_events(user.astype(np.int32), item.astype(np.int32), NOW - ago * DAY)
    return requests_of(facts, held, {"refuse": refusals})


def channels(requests: Requests, seed: int) -> Any:
    return np.array(["email", "pigeon", None], object)[np.random.default_rng(seed).integers(0, 3, len(requests))]


@given(rulesets(), asked(), catalogues(), st.sampled_from(list(USER_FACTS)))
@settings(max_examples=40)
def test_a_missing_fact_never_allows(eligibility: Eligibility, requests: Requests, seen: ItemsSeen, name: str) -> None:
    values = requests.facts.values.copy()
    values[:, list(USER_FACTS).index(name)] = np.nan
    forgotten = replace(requests, facts=replace(requests.facts, values=values))
    channel = np.full(len(requests), "email", object)
    fewer, before = (decide(eligibility, each, seen, channel=channel).allowed for each in (forgotten, requests))
    scope = Scope.of(eligibility, seen)
    reading = [scope.applies[place] for place, rule in enumerate(eligibility.rules) if name in rule.user_facts]
    assert not (fewer & ~before).any()
    for matters in (*reading, *(there for fact, there in scope.requires.items() if fact == name)):
        assert not fewer[:, matters].any()


@given(rulesets(), st.sampled_from(RULES), asked(), catalogues(), st.integers(0, 9))
@settings(max_examples=40)
def test_one_more_rule_never_allows_more(
    eligibility: Eligibility, rule: Any, requests: Requests, seen: ItemsSeen, seed: int
) -> None:
    channel = channels(requests, seed)
    fewer = eligibility.model_copy(update={"rules": tuple(each for each in eligibility.rules if each != rule)})
    more = fewer.model_copy(update={"rules": (*fewer.rules, rule)})
    before, after = (decide(each, requests, seen, channel=channel).allowed for each in (fewer, more))
    assert not (after & ~before).any()


@given(rulesets(), asked(), catalogues(), st.data())
@settings(max_examples=40)
def test_vectors_say_what_one_request_and_one_item_do(
    eligibility: Eligibility, requests: Requests, seen: ItemsSeen, data: st.DataObject
) -> None:
    channel = channels(requests, 3)
    together = decide(eligibility, requests, seen, channel=channel).failed
    for row in range(len(requests)):
        alone = requests.take(np.array([row]))
        assert (decide(eligibility, alone, seen, channel=channel[[row]]).failed == together[row]).all()
        for item in range(len(seen)):
            one = decide(eligibility, alone, seen, np.array([[item]], np.int32), channel[[row]])
            assert one.failed[0, 0] == together[row, item]
    rows = np.array(data.draw(st.permutations(range(len(requests)))))
    columns = np.array(data.draw(st.permutations(range(len(seen)))), np.int32)
    moved = decide(eligibility, requests.take(rows), seen, np.tile(columns, (len(rows), 1)), channel[rows])
    assert (moved.failed == together[rows][:, columns]).all()


@given(rulesets(), catalogues())
@settings(max_examples=40)
def test_an_unknown_customer_gets_only_what_requires_nothing(eligibility: Eligibility, seen: ItemsSeen) -> None:
    nobody = requests_of(
        table(USER_FACTS, [{}], {"country": COUNTRIES}), user=[-1], occurrences={"refuse": Occurrences.none()}
    )
    scope = Scope.of(eligibility, seen)
    reads = [bool(rule.required_facts) for rule in eligibility.rules]
    free = ~scope.applies[reads].any(axis=0) & ~np.any([*scope.requires.values(), np.zeros(len(seen), bool)], axis=0)
    assert (decide(eligibility, nobody, seen).allowed[0] == free).all()


@given(rulesets(), asked(), catalogues())
@settings(max_examples=40)
def test_chunks_make_no_difference(eligibility: Eligibility, requests: Requests, seen: ItemsSeen) -> None:
    together, apart = (decide(eligibility, requests, seen, pairs_at_once=size).failed for size in (1000, 5))
    assert (together == apart).all()


@given(rulesets(), asked(), catalogues())
@settings(max_examples=40)
def test_a_scope_that_is_known_makes_no_difference(
    eligibility: Eligibility, requests: Requests, seen: ItemsSeen
) -> None:
    known = decide(eligibility, requests, seen, scope=Scope.of(eligibility, seen))
    assert (known.failed == decide(eligibility, requests, seen).failed).all()


def test_without_rules_every_item_is_allowed_and_no_item_never_is() -> None:
    seen = items_of(a=("credit", {}), b=(None, {}))
    requests = requests_of(users_of({}, {}))
    assert decide(Eligibility(), requests, seen).allowed.all()
    candidates = np.array([[1, -1], [-1, 0]], np.int32)
    assert decide(Eligibility(), requests, seen, candidates).allowed.tolist() == [[True, False], [False, True]]


def test_an_item_of_no_declared_category_is_judged_by_the_rules_of_every_category() -> None:
    rule = Flag(id="resident", fact="resident", equals=True, categories=("credit",), **WORDS)
    eligibility = Eligibility(rules=(rule,), categories=CATEGORIES, required=dict.fromkeys(CATEGORIES, ()))
    seen = items_of(a=("credit", {}), b=("account", {}), c=(None, {}), d=("crypto", {}))
    allowed = decide(eligibility, requests_of(users_of({"resident": False}, {})), seen).allowed
    assert allowed.tolist() == [[False, True, False, False]] * 2


def test_the_requirement_of_an_item_stands_above_that_of_its_category() -> None:
    eligibility = Eligibility(categories=CATEGORIES, items=("a",), required={"credit": ("age",), "a": ()})
    seen = items_of(a=("credit", {}), b=("credit", {}), c=("account", {}))
    found = decide(eligibility, requests_of(users_of({}, {"age": 20})), seen)
    assert found.allowed.tolist() == [[True, False, True], [True, True, True]]
    assert found.rules(0, 1) == ("required_facts@1",)
