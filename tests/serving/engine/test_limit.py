"""What is measured of the engine beside the server: the least that a slate takes, and all of it."""

import numpy as np
import pytest
from little_market import ITEMS, USERS

from ml.serving.load.traffic import People, Traffic
from ml.steps import serving_in_process, serving_limit
from ml.steps.serving_in_process import measure_engine
from ml.steps.serving_limit import measure_limit
from ml.steps.serving_process import cores

PEOPLE = People(USERS, np.full(len(USERS), 1 / len(USERS)), ITEMS, np.full(len(ITEMS), 1 / len(ITEMS)))


def test_the_limit_is_told_by_part_and_size_of_the_batch(market):
    found = measure_limit(market.bundle, [*(4 * USERS)[:40], "nobody"], cores()[-1])
    assert found["requests"] == 41
    assert 0 < found["candidates"]["least"] <= found["candidates"]["median"] <= found["candidates"]["most"]
    for taken in found["batches"].values():
        assert taken["all"] == pytest.approx(taken["search"] + taken["features"] + taken["rank"])
        assert taken["slates_per_second"] == pytest.approx(1_000 / taken["all"])


def test_the_engine_is_asked_for_whole_slates_each_request_once(market, monkeypatch):
    monkeypatch.setattr(serving_in_process, "USERS", 32)
    asked, recommend = [], serving_in_process.SlateEngine.recommend_many

    def kept(engine, requests, moment=None):
        slates = recommend(engine, requests, moment)
        asked.extend((len(requests), request, slate) for request, slate in zip(requests, slates, strict=True))
        return slates

    bodies = Traffic(market.domain, PEOPLE).bodies
    monkeypatch.setattr(serving_in_process, "warm", lambda engine, users: None)
    monkeypatch.setattr(serving_in_process.SlateEngine, "recommend_many", kept)
    found = measure_engine(market.domain, 3, market.bundle, bodies, cores()[-1])
    assert [*found] == [str(size) for size in serving_limit.BATCHES]
    assert all(taken["all"] * taken["slates_per_second"] == pytest.approx(1_000) for taken in found.values())
    assert [request.user_id for _, request, _ in asked] == [body["user_id"] for body in bodies[: len(asked)]]
    for size in serving_limit.BATCHES:
        measured = [slate for batch, _, slate in asked if batch == size]
        assert len(measured) == size + -(-serving_limit.ROUNDS * 32 // size) * size
        assert all(slate.degraded is None and slate.model_version == 3 for slate in measured)
