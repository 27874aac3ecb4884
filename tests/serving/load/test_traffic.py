import json
from collections import Counter

import numpy as np
import pytest

from ml.domains import DOMAINS
from ml.serving.load.arrivals import poisson
from ml.serving.load.generator import offer
from ml.serving.load.summary import summarise
from ml.serving.load.traffic import DISTINCT, Mix, People, Told, Traffic, told


def people() -> People:
    return People(["often", "söldom"], np.array([0.9, 0.1]), ["a", "b/c", "d"], np.array([0.5, 0.25, 0.25]))


def body(request: bytes) -> dict:
    head, _, content = request.partition(b"\r\n\r\n")
    assert int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]) == len(content)
    return json.loads(content)


@pytest.mark.parametrize("name", DOMAINS)
def test_the_mix_is_what_was_stated(name):
    declared = DOMAINS[name]
    traffic = Traffic(declared, people(), Mix(unknown=0.2, in_session=0.4, first_placement=0.6))
    users = Counter(asked["user_id"] for asked in traffic.bodies)
    unknown = sum(count for user, count in users.items() if user.startswith(f"{traffic.run}-stranger-"))
    assert unknown / DISTINCT == pytest.approx(0.2, abs=0.03)
    assert users["often"] / (DISTINCT - unknown) == pytest.approx(0.9, abs=0.03)
    assert sum("session" in asked for asked in traffic.bodies) / DISTINCT == pytest.approx(0.4, abs=0.03)
    placements = Counter(asked["placement"] for asked in traffic.bodies)
    assert placements[next(iter(declared.placements))] / DISTINCT >= 0.57
    assert set(placements) == set(declared.placements)
    for asked in traffic.bodies:
        assert ("anchor" in asked) == declared.placements[asked["placement"]].anchored


def test_every_event_is_another_one_and_every_slate_asks_as_before():
    traffic = Traffic(DOMAINS["retail"], people(), seed=3)
    slates = traffic.asks_for_slates(5_000)
    assert slates.mean() == pytest.approx(0.9, abs=0.02)
    request = traffic.request(slates)
    events = [body(request(number)) for number in np.flatnonzero(~slates)]
    assert len({event["event_id"] for event in events}) == len(events)
    assert all(event["event_type"] in DOMAINS["retail"].event_weights for event in events)
    again = Traffic(DOMAINS["retail"], people(), seed=3)
    assert [asked["user_id"] for asked in again.bodies] == [asked["user_id"] for asked in traffic.bodies]


@pytest.mark.parametrize(("status", "answer", "expected"), [
    (200, b'{"model_version":12,"degraded":null,"timings_ms":{"rank":1.5}}', Told(False, 12, {"rank": 1.5})),
    (200, b'{"model_version": 1, "degraded": "cached_slate", "timings_ms": {}}', Told(True, 1, {})),
    (200, b'{"accepted":1}', None),
    (503, b'{"model_version":1}', None),
])  # fmt: skip
def test_answers_say_how_they_came_to_be(status, answer, expected):
    assert told(status, answer) == expected


def test_a_run_is_summarised_with_stages_statuses_and_sheds(little_server):
    traffic = Traffic(DOMAINS["retail"], people())
    moments = poisson(300, 1.0, 5)
    slates = traffic.asks_for_slates(len(moments))
    offered = offer([little_server(capacity=100)], moments, traffic.request(slates), keep=told)
    found = summarise(offered, slates, 1.0)
    assert found["shed"] > 50
    assert found["failed"] == found["given_up"] == 0
    assert sum(found["statuses"].values()) == found["requests"] == len(moments)
    assert found["stages_ms"]["rank"] == {"p50": 1.5, "p99": 1.5, "p99.9": 1.5}
    assert found["versions"].keys() == {3}
    assert 60 <= found["slates_per_second"] <= 110


def test_nothing_answered_has_no_latency():
    offered = offer([("127.0.0.1", 9)], np.zeros(2), lambda _: b"")
    found = summarise(offered, np.ones(2, bool), 1.0)
    assert found["latency_ms"] == {"p50": None, "p99": None, "p99.9": None}
    assert found["statuses"] == {"lost": 2}
    assert found["failed"] == 2
