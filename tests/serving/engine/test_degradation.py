"""Always an answer: a retriever that raises, no time, nobody known, items that nobody knows."""

from dataclasses import replace

import pytest
from little_market import ITEMS, NOW, USERS, Memory, engine_of

from ml.errors import BadInput
from ml.serving.contract import SessionEvent, SlateRequest
from ml.serving.engine.engine import Budget
from ml.serving.engine.release import Release


def broken(opened, *names):
    """The release with retrievers that raise."""

    class Broken:
        inputs = ("history",)

        def score(self, requests):
            raise ZeroDivisionError("by chance")

    recommender = opened.bundle.recommender
    retrievers = {name: Broken() if name in names else model for name, model in recommender.retrievers.items()}
    bundle = replace(opened.bundle, recommender=replace(recommender, retrievers=retrievers))
    return Release.of(opened.domain, 8, bundle)


def ids(slate):
    return [item.item_id for item in slate.items]


@pytest.mark.parametrize("name", ["popularity", "personal_frequency", "companions"])
def test_a_retriever_that_raises_is_left_out_and_the_others_answer(market, name):
    heard = []
    engine = engine_of(broken(market, name), told=lambda *said: heard.append(said))
    slates = engine.recommend_many([SlateRequest("home", user_id=user) for user in USERS[:4]])
    assert {slate.degraded for slate in slates} == {"retriever_left_out"}
    assert all(len(slate.items) == 6 for slate in slates)
    assert not any(name in item.sources for slate in slates for item in slate.items)
    assert [who for who, _ in heard] == [name]
    assert isinstance(heard[0][1], ZeroDivisionError)


def test_what_is_missing_is_not_remembered_and_does_not_mark_who_does_not_need_it(market):
    engine = engine_of(broken(market, "companions"))
    home, window = engine.recommend_many([SlateRequest("home", user_id="u001"), SlateRequest("window", user_id="u001")])
    assert (home.degraded, window.degraded) == ("retriever_left_out", None)
    assert set(engine.profiles.at_hand("u001", NOW).pools) == {"window"}


def test_where_all_raise_rules_still_hold_and_nothing_is_made_up(market):
    engine = engine_of(broken(market, *market.bundle.recommender.names))
    (slate,) = engine.recommend_many([SlateRequest("quiet", user_id=None)])
    assert ids(slate) == ["i003"]  # the pin that the rules allow
    assert (slate.shortfall, slate.degraded) == ("few_items_left", "retriever_left_out")


def test_without_any_time_the_slate_is_what_is_popular(market):
    for user in ("u001", "stranger", None):
        slate = engine_of(market.release, budget=Budget(retrieve=0)).recommend(SlateRequest("quiet", user_id=user))
        assert slate.degraded == "segment_popularity"
        assert len(slate.items) == 6
        assert all(item.sources == ("popularity",) for item in slate.items if "pinned" not in item.reasons)


def test_without_any_time_what_was_found_before_is_enough(market):
    engine = engine_of(market.release)
    before = engine.recommend(SlateRequest("home", user_id="u001"))
    hurried = replace(engine, budget=Budget(retrieve=0))
    again = hurried.recommend(SlateRequest("home", user_id="u001"))
    assert (again.items, again.degraded) == (before.items, None)
    (cheap,) = hurried.cheap([SlateRequest("home", user_id="u001")])
    assert (ids(cheap), cheap.degraded) == (ids(before), "cached_slate")


def test_who_is_not_live_and_lacks_a_retriever_is_told_the_worse(market):
    store = Memory(gone={"versions"})
    slate = engine_of(broken(market, "companions"), store).recommend(SlateRequest("home", user_id="u001"))
    assert slate.degraded == "features_not_live"


def test_the_cheap_path_asks_no_store(market):
    store = Memory(gone={"versions", "events_of"})
    slates = engine_of(market.release, store).cheap([SlateRequest("home", user_id=user) for user in ("u001", None)])
    assert [slate.degraded for slate in slates] == ["segment_popularity"] * 2
    assert all(len(slate.items) == 6 for slate in slates)


def test_items_that_nobody_knows_change_nothing(market):
    strange = ["i999", "", "ünknown\u0000", "x" * 10_000]
    session = [SessionEvent(item, "view", NOW - 1) for item in strange]
    plainly, strangely, beside = engine_of(market.release).recommend_many([
        SlateRequest("quiet", user_id="u001"), SlateRequest("quiet", user_id="u001", session=session, exclude=strange),
        SlateRequest("page", user_id="u001", anchor="i999"),
    ])  # fmt: skip
    assert strangely.items == plainly.items
    assert len(beside.items) == 4


def test_a_session_alone_is_enough(plain):
    engine = engine_of(plain.release)
    slates = [
        engine.recommend(SlateRequest("home", 10, session=[SessionEvent(item, "view", NOW - 1)]))
        for item in (None, "i001", "i012")
        if item
    ]
    assert ids(slates[0]) != ids(slates[1]) != ids(engine.recommend(SlateRequest("home", 10)))
    assert all(any("companions" in item.sources for item in slate.items) for slate in slates)


def test_everything_excluded_is_an_empty_slate_that_says_so(market):
    engine = engine_of(market.release)
    for slate in (engine.recommend(asked := SlateRequest("home", 5, "u001", exclude=ITEMS)), *engine.cheap([asked])):
        assert (slate.items, slate.shortfall) == ((), "no_candidates")
    few = SlateRequest("quiet", 5, "u001", exclude=ITEMS[:-1])
    assert ids(engine.recommend(few)) in ([], [ITEMS[-1]])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            SlateRequest("cellar"),
            r"placement: retail declares no 'cellar'; there are: email, home, page, quiet, window",
        ),
        (SlateRequest("home", 0), r"k: a slate holds 1 to 100 items; 0 were asked for"),
        (SlateRequest("home", -3), r"k: a slate holds 1 to 100"),
        (SlateRequest("home", 101), r"k: a slate holds 1 to 100 items; 101"),
        (SlateRequest("page"), r"anchor: placement 'page' stands beside an item: name it"),
        (SlateRequest("home", anchor="i001"), r"anchor: placement 'home' stands beside no item: leave it out"),
    ],
)
def test_what_cannot_be_answered_says_what_is_wrong(market, asked, message):
    engine = engine_of(market.release)
    for answer in (engine.recommend_many, engine.cheap):
        with pytest.raises(BadInput, match=message):
            answer([SlateRequest("home"), asked])
    with pytest.raises(BadInput, match="no item 'i999'"):
        engine.similar("i999", 3)


def test_similar_items_are_the_bundles(market):
    found = engine_of(market.release).similar("i007", 4)
    assert [each["item_id"] for each in found] == [item.item_id for item in market.bundle.similar("i007", 4)]
    assert {each["sources"][0] for each in found} == {"companions"}
