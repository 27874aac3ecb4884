"""An engine whose items changed goes on with what it knows of users."""

from little_market import ITEMS, NOW, USERS, engine_of

from ml.data.new_items import NewItem
from ml.serving.contract import SlateRequest
from ml.serving.engine.arriving import with_items


def test_what_was_found_stays_where_no_item_is_new(plain):
    engine = engine_of(plain.release)
    request = SlateRequest("home", k=8, user_id=USERS[0])
    before = engine.recommend(request)
    changed = with_items(engine, [NewItem.told(ITEMS[0], {"name": "the same, by another name"})])
    assert changed is not engine
    assert changed.release.bundle.names[0] == "the same, by another name"
    found = [each.profiles.of([USERS[0]], NOW)[0].found for each in (engine, changed)]
    assert found[0]
    assert found[1] is found[0]
    assert [item.item_id for item in changed.recommend(request).items] == [item.item_id for item in before.items]


def test_nothing_told_is_the_same_engine(plain):
    engine = engine_of(plain.release)
    assert with_items(engine, []) is engine


def test_a_new_item_has_a_number_after_the_others(plain):
    changed = with_items(engine_of(plain.release), [NewItem.told("brand new", {"name": "a new one"})])
    assert changed.release.item("brand new") == len(ITEMS)
