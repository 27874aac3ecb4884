"""Two domains served by one real process: what it answers, what it takes in, and what of it lands."""

import sys
import time
from datetime import UTC, datetime
from itertools import product
from urllib.parse import quote

import duckdb
import numpy as np
import pytest
from little_home import ITEMS, USERS, consents, forget_what_happened
from slate_server import AS_OF, Answer, Server, happened, running

from ml.bundle.bundle import open_bundle
from ml.data.landing import table_glob
from ml.data.landing_writer import Part, open_landing
from ml.data.windows import to_micros
from ml.domains import DOMAINS, Source
from ml.reranking.eligibility import decide
from ml.serving.contract import SlateRequest
from ml.serving.engine.engine import SlateEngine
from ml.serving.engine.profiles import Profiles
from ml.serving.engine.release import Release
from ml.serving.online.opening import open_live
from ml.steps.landing_served import land_served
from ml.tracking import registry

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")]
PLACEMENTS = [(domain, placement) for domain in ("retail", "banking") for placement in DOMAINS[domain].placements]
ANCHORS = {"retail": "i003", "banking": "ind_cco_fin_ult1"}
PATIENT = {"retrieve": 60_000.0, "whole": 60_000.0}


@pytest.fixture(scope="module")
def server(home):
    """Stopped by the last test, where all that it did lands."""
    forget_what_happened(home)
    with running(home, "retail", "banking") as server:
        yield server


def release_of(domain: str) -> Release:
    version = registry.version_of(domain, 1)
    return Release.of(DOMAINS[domain], 1, open_bundle(registry.bundle_of(domain, version)))


@pytest.fixture(scope="module")
def releases(home) -> dict[str, Release]:
    """The champions, opened here."""
    return {domain: release_of(domain) for domain in ("retail", "banking")}


def asked(server: Server, domain: str, placement: str, user: str | None, **more):
    if DOMAINS[domain].placements[placement].anchored:
        more = {"anchor": ANCHORS[domain]} | more
    return server.slate(user, placement, domain, **more)


@pytest.mark.parametrize(("domain", "placement"), PLACEMENTS)
def test_every_placement_answers(server, domain, placement):
    declared, full = DOMAINS[domain].placements[placement], 0
    for user in (*USERS[:8], "a stranger", None):
        answer = asked(server, domain, placement, user)
        told, agreed = answer.told, user in USERS and consents(USERS.index(user))["consent_email"]
        assert (answer.status, told["model_version"], told["degraded"]) == (200, 1, None), told
        assert len(set(answer.items)) == len(answer.items) <= declared.size
        assert declared.objective.explores or {item["propensity"] for item in told["items"]} <= {1.0}
        assert (told["shortfall"] is None) == (len(answer.items) == declared.size)
        if declared.channel is not None:
            assert bool(answer.items) == agreed
            assert ("consent@1" in told["rules"]) != agreed
        full += len(answer.items) == declared.size
    assert full >= 4


@pytest.mark.parametrize("domain", ["retail", "banking"])
def test_slates_are_those_of_the_engine_in_this_process(server, releases, domain):
    """Scores where nothing is drawn by chance; the clock has gone on meanwhile, which moves them a little at most."""
    from ml.serving.engine.engine import Budget

    release = releases[domain]
    with open_live(domain, reader=True) as view:
        engine = SlateEngine(release, Profiles(release, view), lambda: to_micros(AS_OF) + 60_000_000, Budget(**PATIENT))
        for user in (USERS[4], USERS[6], "somebody else"):
            there = asked(server, domain, "off_site", user).told
            here = engine.recommend(SlateRequest("off_site", user_id=user))
            assert [item["item_id"] for item in there["items"]] == [item.item_id for item in here.items]
            for one, other in zip(there["items"], here.items, strict=True):
                assert one["score"] == pytest.approx(other.score, rel=1e-3, abs=1e-3)


def allowed_for(release: Release, user: str, channel: str | None) -> set[str]:
    """What the sealed rules leave of the catalogue, less what is held."""
    bundle = release.bundle
    requests = bundle.requests(np.array([release.user_row(user)], np.int32))
    through = None if channel is None else np.array([channel], object)
    left = decide(bundle.policy.eligibility, requests, bundle.policy.items, None, through).allowed[0].copy()
    if requests.barred is not None:
        left[requests.barred[0]] = False
    return {release.item_ids[at] for at in np.flatnonzero(left)}


def test_nothing_forbidden_excluded_or_double_is_ever_shown(server, releases):
    gone: dict[str, set[str]] = {}
    for turn, (user, (domain, placement)) in enumerate(product(USERS[8:12], PLACEMENTS)):
        first = asked(server, domain, placement, user)
        exclude = [*first.items[::2], "no item", "日本語"]
        if domain == "banking" and first.items:
            declined = first.items[-1]
            gone.setdefault(user, set()).add(declined)
            event = happened(f"declined-{turn}", user, declined, "decline", after=turn / 1000)
            assert server.tell(event, domain=domain).told == {"accepted": 1, "duplicates": 0}
        for k in (None, 20):
            answer = asked(server, domain, placement, user, exclude=exclude, **({} if k is None else {"k": k}))
            shown = answer.items
            assert len(set(shown)) == len(shown) <= (k or DOMAINS[domain].placements[placement].size)
            assert not {*shown} & {
                *exclude,
                ANCHORS[domain] if DOMAINS[domain].placements[placement].anchored else None,
            }
            channel = DOMAINS[domain].placements[placement].channel
            assert {*shown} <= allowed_for(releases[domain], user, channel) - (
                gone.get(user, set()) if domain == "banking" else set()
            )
    assert gone


def test_an_acknowledged_event_is_in_the_very_next_slate(server):
    user, took = USERS[20], []
    for turn in range(20):
        before = server.slate(user)
        declined = before.items[0]
        answer = server.tell(happened(f"no-{turn}", user, declined, "decline", after=0.1 + turn / 1000))
        assert (answer.status, answer.told["accepted"]) == (200, 1)
        after = server.slate(user)
        assert declined not in after.items
        took.append(1_000 * (answer.seconds + after.seconds))
    sys.stdout.write(f"\nevent sent to slate without it: median {np.median(took):.1f} ms, worst {max(took):.1f} ms\n")
    assert after.told["degraded"] is None


def test_an_event_counts_once_by_its_id(server):
    event = happened("once", USERS[21], "i001")
    assert [server.tell(event, event).told, server.tell(event).told] == [
        {"accepted": 1, "duplicates": 1}, {"accepted": 0, "duplicates": 1},
    ]  # fmt: skip
    many = [happened(f"many-{n}", USERS[n % 30], ITEMS[n % 40], after=0.2 + n / 10_000) for n in range(1_000)]
    assert server.tell(*many).told == {"accepted": 1_000, "duplicates": 0}
    assert server.tell(*many[::-1]).told == {"accepted": 0, "duplicates": 1_000}
    refused = server.tell(*many, happened("one more", None, "i001"))
    assert (refused.status, set(refused.told["error"])) == (422, {"field", "message", "remedy"})
    assert server.tell(happened("late", USERS[0], "i001", after=3_000)).status == 422  # far ahead of the data's clock


def test_an_event_of_a_clock_that_goes_ahead_comes_to_count_later(server):
    """Within the five minutes that are forgiven: accepted, harmless, and not in effect before its moment."""
    user = USERS[22]
    item = server.slate(user, "off_site").items[0]
    assert server.tell(happened("ahead", user, item, "decline", after=290)).told["accepted"] == 1
    answer = server.slate(user, "off_site")
    assert (answer.told["degraded"], item in answer.items) == (None, True)


def test_an_item_that_is_put_is_in_slates_at_once(server):
    new, told = "neu 商品/ü", {"name": "New", "category": "c1", "description": "words of c1 größec1", "stock": 4}
    path = f"/v1/retail/items/{quote(new, safe='')}"
    answer = server.ask("PUT", path, told)
    assert (answer.status, answer.told["known_before"]) == (200, False)
    shown = [each for user in USERS for each in in_full(server, user, "email").told["items"]]
    found = [each for each in shown if each["item_id"] == new]
    assert found
    assert {tuple(each["sources"]) for each in found} == {("content",)}
    assert server.ask("PUT", path, {"stock": 0}).status == 200
    assert new not in {item for user in USERS for item in in_full(server, user, "email").items}


def in_full(server: Server, user: str, placement: str) -> Answer:
    """A slate that was answered in full: a busy machine may be late now and then."""
    for _ in range(100):
        answer = server.slate(user, placement, k=40)
        if answer.status == 200 and answer.told["degraded"] is None:
            return answer
        time.sleep(0.05)
    raise AssertionError("no slate was answered in full")


def like_a_stranger(server: Server, user: str) -> bool:
    """Whether the user gets what anybody gets; asked twice, as features of items may change between two requests."""
    return any(in_full(server, user, "off_site").items == in_full(server, "nobody", "off_site").items for _ in range(2))


def test_who_is_forgotten_is_a_stranger_at_once(server):
    user, items = "ü 9", ITEMS[30:34]
    server.tell(*(happened(f"f-{item}", user, item, "purchase", after=0.4) for item in items))
    assert not like_a_stranger(server, user)
    assert not like_a_stranger(server, USERS[15])
    for each in (user, USERS[15]):
        assert server.ask("DELETE", f"/v1/retail/users/{quote(each)}").told["erased"] is True
        assert like_a_stranger(server, each)
    with open_live("retail", reader=True) as view:
        assert view.events_of([user, USERS[15]]) == [[], []]
        assert {user, USERS[15]} <= {*view.erased()}
    assert user not in server.log()


def test_a_bundle_without_vectors_says_so(server):
    answer = server.ask("GET", "/v1/retail/items/i003/similar?k=3")
    assert answer.status == 409
    assert "no item vectors" in answer.told["error"]["message"]


def test_what_was_served_lands(home, server):
    """The last test of this server: it stops."""
    answer = server.slate(USERS[25], session_id="visit")
    clicked = happened("click", USERS[25], answer.items[0], "view", after=0.5, slate_id=answer.told["slate_id"])
    assert server.tell(clicked).told["accepted"] == 1
    shown = {domain: server.metric("slate_slates_total", domain=domain) for domain in ("retail", "banking")}
    assert server.stop() == 0
    with open_landing("retail", "shop", datetime(2018, 1, 2, tzinfo=UTC)) as writer:
        rows = "SELECT 'e0' AS event_id, 'u' AS user_id, 'i' AS item_id, TIMESTAMP '2018-01-01 04:00:00' AS occurred_at"
        writer.stage(Part("interactions", "day", {"rows": rows}), rows)
        writer.commit(Source(name="shop"))
    with open_live("retail") as live:
        live.log.rotate()
        kept = [event for _, event in live.since(0)]
    landed = land_served("retail")
    assert landed["impressions"] > shown["retail"]
    with duckdb.connect() as connection:
        counted = connection.execute(
            f"SELECT count(DISTINCT slate_id) FROM read_parquet('{table_glob('retail', 'impressions')}')"
        ).fetchone()
        found = connection.execute(
            "SELECT count(*) FROM read_parquet($events) e JOIN read_parquet($shown) s USING (slate_id, item_id) "
            "WHERE e.event_id = 'click'",
            {"events": table_glob("retail", "interactions"), "shown": table_glob("retail", "impressions")},
        ).fetchone()
    assert found == (1,)
    assert len(kept) == landed["events"]
    assert counted[0] == shown["retail"]
    assert land_served("retail")["events"] == 0
