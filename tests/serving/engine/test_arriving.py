"""An engine whose items changed goes on with what it knows of users."""

import pytest
from little_market import ITEMS, NOW, USERS, engine_of

from ml.data.new_items import NewItem
from ml.serving.contract import SlateRequest
from ml.serving.engine import featuring
from ml.serving.engine.arriving import with_items
from ml.serving.engine.warming import warm


def test_what_was_found_stays_where_no_item_is_new(plain):
    engine = engine_of(plain.release)
    request = SlateRequest("home", k=8, user_id=USERS[0])
    before = engine.recommend(request)
    changed = with_items(engine, [NewItem.told(ITEMS[0], {"name": "the same, by another name"})])
    assert changed is not engine
    assert changed.release.bundle.names[0] == "the same, by another name"
    found = [each.profiles.of([USERS[0]], NOW)[0].found.known for each in (engine, changed)]
    assert found[0]
    assert found[1] is found[0]
    assert [item.item_id for item in changed.recommend(request).items] == [item.item_id for item in before.items]


def test_nothing_told_is_the_same_engine(plain):
    engine = engine_of(plain.release)
    assert with_items(engine, []) is engine


def test_a_new_item_has_a_number_after_the_others(plain):
    changed = with_items(engine_of(plain.release), [NewItem.told("brand new", {"name": "a new one"})])
    assert changed.release.item("brand new") == len(ITEMS)


def test_nobody_waits_for_what_an_engine_with_other_items_reads_lazily(plain, monkeypatch):
    engine = engine_of(plain.release)
    warm(engine)
    monkeypatch.setattr(featuring, "load_declarations", lambda: pytest.fail("the declarations are read again"))
    changed = with_items(engine, [NewItem.told("brand new", {"name": "a new one"})]).release
    assert changed.featuring.bundle is changed.bundle
    assert {"evaluator", "describing"} <= vars(changed.featuring).keys()
    assert "offsets" in vars(changed.bundle.log)


def test_who_knows_a_new_item_looks_again_and_the_others_do_not(plain):
    engine = engine_of(plain.release)
    request = SlateRequest("home", k=8, user_id=USERS[0])
    engine.recommend(request)
    before = dict(engine.profiles.of([USERS[0]], NOW)[0].found.known)
    changed = with_items(engine, [NewItem.told("brand new", {"name": "a new one"})])
    assert set(changed.release.reach.values()) == {len(ITEMS)}
    changed.release.reach["popularity"] += 1  # as if it knew the new one
    changed.recommend(request)
    after = changed.profiles.of([USERS[0]], NOW)[0].found.known
    assert set(after) == set(before)
    assert {name for name, session in before if after[name, session] is not before[name, session]} == {"popularity"}
