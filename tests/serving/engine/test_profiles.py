"""Who did something is prepared for what they ask next, and candidates of long histories are not found at every event."""

from dataclasses import replace

import pytest
from little_market import DAY, ITEMS, NOW, SECOND, USERS, Memory, engine_of, event

from ml.serving.contract import SlateRequest
from ml.serving.engine import engine as engines
from ml.serving.engine.profiles import RECENT, RESTS, Profiles

LATER = NOW + DAY
HEAVY, NEW = "u003", "late-comer"  # some forty events; none


class Counted:
    """An engine whose clock is set, and which counts what it does."""

    def __init__(self, release, monkeypatch) -> None:
        self.store, self.now, self.built, self.found = Memory(), LATER, 0, 0
        self.engine = replace(engine_of(release, self.store), clock=lambda: self.now)
        build, retrieve = Profiles._build, engines.retrieve

        def counted_build(*arguments, **named):
            self.built += 1
            return build(*arguments, **named)

        def counted_retrieve(*arguments, **named):
            self.found += 1
            return retrieve(*arguments, **named)

        monkeypatch.setattr(Profiles, "_build", counted_build)
        monkeypatch.setattr(engines, "retrieve", counted_retrieve)

    def happens(self, user: str, item: str = ITEMS[0]) -> None:
        """An event, a moment later."""
        self.now += SECOND
        self.store.tell(event(user, item, "purchase", self.now - 1, place_id="p0"))

    def profile(self, user: str):
        """As it is kept."""
        return self.engine.profiles._kept[user]


@pytest.fixture
def counted(plain, monkeypatch) -> Counted:
    return Counted(plain.release, monkeypatch)


def test_who_is_prepared_needs_no_profile_and_no_candidates_when_they_ask(counted):
    counted.happens(HEAVY)
    counted.engine.prepare([HEAVY])
    assert (counted.built, counted.found) == (1, 1)
    counted.engine.recommend(SlateRequest("home", user_id=HEAVY))
    assert counted.built == 1
    assert counted.profile(HEAVY).version == 1


def test_a_profile_of_a_moment_ago_is_good_enough_to_prepare_for(counted):
    counted.engine.recommend(SlateRequest("home", user_id=HEAVY))
    counted.now += RECENT // 2
    counted.engine.prepare([HEAVY])
    assert counted.built == 1
    counted.now += RECENT
    counted.engine.prepare([HEAVY])
    assert counted.built == 2


def test_candidates_of_a_long_history_rest_while_little_happens(counted):
    counted.engine.prepare([HEAVY])
    first = counted.profile(HEAVY)
    for item in ITEMS[:2]:
        counted.happens(HEAVY, item)
        counted.engine.prepare([HEAVY])
    assert counted.found == 1
    assert counted.profile(HEAVY).found.known == first.found.known
    assert len(counted.profile(HEAVY).history.item) == len(first.history.item) + 2, "features are of now all the same"
    counted.now += RESTS
    counted.happens(HEAVY)
    counted.engine.prepare([HEAVY])
    assert counted.found == 2
    assert not counted.profile(HEAVY).carries


def test_candidates_of_a_short_history_are_found_at_every_event(counted):
    for times, item in enumerate(ITEMS[:3], 1):
        counted.happens(NEW, item)
        counted.engine.prepare([NEW])
        assert counted.found == times
        assert counted.profile(NEW).found.known


def test_others_come_first_between_two_users_and_two_retrievers(counted):
    waited = []
    users = USERS[:3]
    counted.engine.prepare(users, lambda: waited.append(counted.built))
    assert waited[:3] == [0, 1, 2]
    assert len(waited) > len(users)


def test_those_who_asked_last_are_told_without_who_did_not_say_who_they_are(counted):
    for user in (HEAVY, None, "u004"):
        counted.engine.recommend(SlateRequest("home", user_id=user))
    assert counted.engine.profiles.latest(5) == ["u004", HEAVY]
