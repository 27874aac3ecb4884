"""Redis hangs, goes, comes back empty: nothing acknowledged is lost, and no request waits."""

import threading
import time

import pytest
from happenings import eventually, many, redis_server

from ml.serving.online.errors import StoreGone
from ml.serving.online.event_log import EventLog
from ml.serving.online.guard import Guard
from ml.serving.online.in_flight import InFlight
from ml.serving.online.live import Live, LiveView
from ml.serving.online.redis_store import RedisStore

SECONDS = 0.25  # long enough for a machine that is busy with other tests


@pytest.fixture
def server():
    """One of its own, to be stopped."""
    with redis_server() as server:
        yield server


@pytest.fixture
def live(server, tmp_path):
    with Live(EventLog(tmp_path / "log"), RedisStore(server.url, "a:{b}", True, SECONDS), SECONDS) as live:
        yield live


def refused(read, at_most: float = 3 * SECONDS) -> bool:
    began = time.monotonic()
    with pytest.raises(StoreGone):
        read()
    return time.monotonic() - began < at_most


def test_a_server_that_hangs(server, live):
    live.accept(many(10))
    server.hang()
    assert refused(lambda: live.versions(["u1"]))
    # From now on nobody even waits: a hundred requests in less than the time of three.
    began = time.monotonic()
    assert all(refused(lambda: live.events_of(["u1"])) for _ in range(100))
    assert time.monotonic() - began < 10 * SECONDS
    receipt = live.accept(many(20))
    assert (receipt.accepted, receipt.visible) == (10, False)
    server.go_on()
    eventually(lambda: live.behind == 0)
    eventually(lambda: answers(live) == 20)
    assert [event.event_id for _, event in live.since(0)] == [f"e{at}" for at in range(20)]
    assert live.accept(many(21)).accepted == 1


def test_a_server_that_goes_and_comes_back_empty(server, live):
    live.accept(many(10))
    live.erase("u3")
    server.stop()
    assert refused(lambda: live.versions(["u1"]))
    assert not live.accept(many(5, start=10)).visible
    assert live.accept(many(5, start=10)).accepted == 0  # what is on its way is known without it
    server.start()
    eventually(lambda: answers(live) == 14)
    assert live.erased() == ["u3"]
    assert live.versions(["u1", "u3"]) == [13, 15]


def test_doubles_of_long_ago_while_the_server_is_away(server, live, monkeypatch):
    live._in_flight = InFlight(remembered=2)
    live.accept(many(10))
    server.stop()
    assert live.accept(many(10)).accepted == 8  # whether it knows them cannot be asked: the log holds them twice
    server.start()
    eventually(lambda: answers(live) == 10)
    assert live.accept(many(10)).accepted == 0


def test_a_server_that_lost_its_data_is_filled_again_unasked(server, live):
    live.accept(many(30))
    server.empty()
    eventually(lambda: answers(live) == 30)


def test_a_reader_never_fills_and_never_believes_an_empty_store(server, live):
    live.accept(many(30))
    with LiveView(RedisStore(server.url, "a:{b}", True, SECONDS), SECONDS) as view:
        assert view.versions(["u1"]) == [22]
        live.close()
        server.empty()
        with pytest.raises(StoreGone, match="lost its data"):
            view.versions(["u1"])
        assert view._store.last() == 0


def test_opening_while_the_server_is_gone(server, tmp_path):
    server.stop()
    with Live(EventLog(tmp_path / "log"), RedisStore(server.url, "a:{b}", True, SECONDS), SECONDS) as live:
        assert not live.accept(many(3)).visible
        server.start()
        eventually(lambda: answers(live) == 3)


def answers(live: Live) -> int:
    try:
        return len(live.since(0))
    except StoreGone:
        return -1


def test_a_call_that_hangs_is_given_up():
    goes_on = threading.Event()
    guard = Guard(0.02, retry_seconds=0.05)
    assert guard(lambda: 1) == 1
    with pytest.raises(StoreGone, match="within 20 ms"):
        guard(goes_on.wait)
    with pytest.raises(StoreGone, match="left alone"):
        guard(lambda: 1)
    goes_on.set()
    time.sleep(0.06)
    assert guard(lambda: 2) == 2
    assert guard(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        guard(lambda: 1 / 0)
    guard.close()


def test_a_store_in_memory_is_asked_directly():
    assert Guard(0.001, watched=False)(threading.get_ident) == threading.get_ident()
