"""Another version takes over whole: no slate mixes two, and one that is broken takes nobody's place."""

import asyncio
import shutil
import threading
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from little_market import ITEMS, USERS, engine_of

from ml.bundle.bundle import open_bundle
from ml.data.new_items import NewItem
from ml.errors import RunFailed
from ml.serving.contract import SlateRequest
from ml.serving.engine.arriving import with_items
from ml.serving.engine.batching import Batcher
from ml.serving.engine.engine import SlateEngine
from ml.serving.engine.following import Follower
from ml.serving.engine.profiles import Profiles
from ml.serving.engine.release import Release


def engine_for(opened, version):
    """The engine of a version."""
    release = replace(opened.release, version=version)
    made = engine_of(opened.release)
    return SlateEngine(release, Profiles(release, None), made.clock, made.budget)


class Registry:
    """Where the alias points, which may be nowhere or unreachable."""

    def __init__(self, version=None):
        self.version = version

    def champion(self):
        if isinstance(self.version, Exception):
            raise self.version
        return self.version


@pytest.fixture
def registry():
    return Registry()


@pytest.fixture
def follower(registry, market, plain):
    """Even versions are the market's bundle, odd ones the one without rules."""
    return Follower(
        market.domain, registry.champion, lambda version, _: engine_for((market, plain)[version % 2], version)
    )


def test_without_a_champion_nothing_is_answered_and_it_is_said_why(follower):
    assert not follower.look()
    assert follower.version is None
    with pytest.raises(RunFailed, match="retail has no champion to serve yet"):
        _ = follower.engine


def test_it_goes_where_the_alias_goes_and_back(follower, registry):
    for version in (2, 3, 2):
        registry.version = version
        assert follower.look()
        assert not follower.look()
        assert follower.engine.recommend(SlateRequest("home")).model_version == version == follower.version
    registry.version = None
    assert not follower.look()
    assert (follower.version, follower.swaps) == (2, 3)


def test_what_comes_while_a_version_is_warmed_is_in_it(follower, registry, monkeypatch):
    told, warmed = [NewItem.told("early", {"name": "told before"})], []

    def warm(engine, *_):
        warmed.append(engine.release.item("early"))
        told.append(NewItem.told("late", {"name": "told meanwhile"}))

    monkeypatch.setattr("ml.serving.engine.following.warm", warm)
    follower.also(lambda engine: with_items(engine, told))
    registry.version = 1
    follower.look()
    assert warmed == [len(ITEMS)]
    assert follower.engine.release.item("late") == len(ITEMS) + 1


def test_those_who_asked_last_are_warmed_as_long_as_there_is_time(follower, registry, monkeypatch):
    registry.version = 1
    follower.look()
    for user in USERS[:12]:
        follower.engine.recommend(SlateRequest("home", user_id=user))
    registry.version = 3
    waited = []
    follower.let_others = lambda: waited.append(None)
    follower.look()
    assert all(follower.engine.profiles.is_kept(user) for user in USERS[:12])
    assert waited, "others were let first between two retrievers"
    monkeypatch.setattr("ml.serving.engine.warming.WARM_SECONDS", 0.0)
    registry.version = 1
    follower.look()
    assert len(follower.engine.profiles) == 0, "nobody is kept for whom there was no time"


def test_whoever_was_known_to_the_version_before_is_let_go_of_a_few_at_a_time(follower, registry, monkeypatch):
    registry.version = 1
    follower.look()
    before = follower.engine.profiles
    for user in USERS[:12]:
        follower.engine.recommend(SlateRequest("home", user_id=user))
    monkeypatch.setattr("ml.serving.engine.profiles.DISMISSED", 5)
    registry.version, left = 3, []
    follower.let_others = lambda: left.append(len(before))
    follower.look()
    sizes = [*dict.fromkeys(left)]
    assert sizes[0] >= 12
    assert sizes[-1] == 0
    assert all(more - less <= 5 for more, less in pairwise(sizes))


def test_a_registry_that_is_away_stops_neither_answers_nor_following(follower, registry):
    registry.version = 2
    follower.look()
    registry.version = ConnectionError("the registry is away")
    with pytest.raises(ConnectionError):
        follower.look()
    assert follower.engine.recommend(SlateRequest("home")).model_version == 2
    follower._every = 0.005
    follower.follow()
    try:
        for _ in range(3):
            threading.Event().wait(0.01)
        registry.version = 3
        for _ in range(1_000):
            if follower.version == 3:
                break
            threading.Event().wait(0.01)
    finally:
        follower.close()
    assert follower.version == 3


def test_a_corrupt_bundle_is_refused_and_the_one_before_stays(market, registry, tmp_path):
    copied = shutil.copytree(market.bundle.path, tmp_path / "bundle")
    path = next(copied.rglob("item.npy"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    def opened(version, _):
        if version == 2:
            return engine_for(market, 2)
        return engine_of(Release.of(market.domain, version, open_bundle(copied)))

    follower, registry.version = Follower(market.domain, registry.champion, opened), 3
    with pytest.raises(RunFailed, match=r"item\.npy was changed"):
        follower.look()
    registry.version = 2
    assert follower.look()
    registry.version = 3
    assert not follower.look()
    assert not follower.look()
    assert (follower.version, follower.refused.version) == (2, 3)
    assert "item.npy was changed" in follower.refused.reason
    assert follower.engine.recommend(SlateRequest("home")).model_version == 2


def test_those_who_asked_last_are_known_when_another_version_takes_over(follower, registry):
    registry.version = 2
    follower.look()
    for request in (SlateRequest("home", user_id="u004"), SlateRequest("home", session_id="s")):
        follower.engine.recommend(request)
    registry.version = 3
    follower.look()
    assert {"u004", "session:s"} <= set(follower.engine.profiles.latest(10))


def test_under_load_every_slate_is_of_one_version(follower, registry, market, plain):
    expected = {}
    for version, opened in ((0, market), (1, plain)):
        slates = engine_for(opened, version).recommend_many([SlateRequest("quiet", 5, user) for user in USERS])
        expected[version] = {slate.user_id: slate.items for slate in slates}
    assert expected[0] != expected[1]
    registry.version = 2
    follower.look()

    async def ask(batcher):
        seen, stop = set(), threading.Event()

        def swap():
            for version in range(3, 15):
                registry.version = version
                follower.look()
            stop.set()

        thread = threading.Thread(target=swap)
        thread.start()
        draw = np.random.default_rng(0)
        while not stop.is_set():
            slates = await asyncio.gather(*(
                batcher.answer(SlateRequest("quiet", 5, str(user))) for user in draw.choice(USERS, 8)
            ))  # fmt: skip
            for slate in slates:
                seen.add(slate.model_version)
                if slate.degraded is None:
                    assert slate.items == expected[slate.model_version % 2][slate.user_id]
        thread.join()
        return seen

    batcher = Batcher(lambda: follower.engine)
    try:
        seen = asyncio.run(ask(batcher))
    finally:
        batcher.close()
    assert len(seen) > 2
    assert follower.swaps == 13
