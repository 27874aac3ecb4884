"""What is taken in is kept, once, in order, and made again from the log; what is read is read in time."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from happenings import EVENTS, NOON, eventually, happened, many
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.errors import BadInput, RunFailed
from ml.serving.events import LiveEvent
from ml.serving.online.contract import ERASED, user_key
from ml.serving.online.errors import NotDurable, StoreGone
from ml.serving.online.event_log import EventLog
from ml.serving.online.live import Live, Receipt
from ml.serving.online.lmdb_file import DATA
from ml.serving.online.opening import online_folder, open_live
from ml.serving.online.segments import lines_of, read_log
from ml.settings import changed_settings

MINUTE = 60_000_000
HERE = Path(__file__).parent
EXAMPLES = settings(max_examples=10, suppress_health_check=list(HealthCheck))


def no_sync(descriptor: int) -> None:
    """For tests that cut no power."""


def unless(full: threading.Event):
    """A sync that fails while the disk is full."""

    def sync(descriptor: int) -> None:
        if full.is_set():
            raise OSError(28, "No space left on device")

    return sync


@pytest.fixture
def open_again(tmp_path, make_store):
    """Closes what is open of one log and opens it, on the same store or on a new one."""
    opened = []
    stores = [make_store(only_filled=True)]

    def make(log="log", new_store=False, now=lambda: NOON, sync=no_sync) -> Live:
        while opened:
            opened.pop().close()
        if new_store:
            stores.append(make_store(only_filled=True))
        opened.append(Live(EventLog(tmp_path / log, sync=sync), stores[-1], 30.0, now))
        return opened[-1]

    yield make
    for live in opened:
        live.close()


def state(live: Live, users) -> tuple[object, ...]:
    return live.since(0), live.last(), live.versions(users), live.events_of(users), live.erased(), live.items_since(0)


def test_what_is_taken_in_is_there_at_once(open_again):
    live = open_again()
    assert live.accept([]) == Receipt(0, 0, True)
    event = happened("日本", "ü")
    assert live.accept([event]) == Receipt(1, 0, True)
    assert live.events_of(["ü"]) == [[event]]
    assert live.versions(["ü"]) == [1]
    assert live.behind == 0


def test_a_double_is_written_once(open_again):
    live = open_again()
    first = happened("a", value=1.0)
    assert live.accept([first, happened("a", value=2.0), happened("b")]) == Receipt(2, 1, True)
    assert live.accept([happened("a", "somebody")]) == Receipt(0, 1, True)
    live = open_again()
    assert live.accept([happened("a"), happened("c")]) == Receipt(1, 1, True)
    assert [LiveEvent.of_line(line).event_id for _, line in live.log.read()] == ["a", "b", "c"]
    assert live.events_of(["u"])[0][0] == first


def test_of_what_is_written_no_more_is_kept_than_its_number(open_again):
    live = open_again()
    live.accept(many(10))
    assert live.accept(many(12)).accepted == 2
    assert not live._in_flight._tickets, "each held what its caller had waited on"
    assert set(live._in_flight._written.values()) == {10, 12}


def test_a_thousand_at_once(open_again):
    live = open_again()
    assert live.accept(many(1000)) == Receipt(1000, 0, True)
    assert live.accept(many(1000, start=500)) == Receipt(500, 500, True)
    assert live.last() == 1500


def test_threads_that_send_the_same(open_again):
    live = open_again()
    batches = [many(5, start=at) for at in range(0, 100, 5)] * 4
    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(live.accept, batches))
    assert sum(receipt.accepted for receipt in receipts) == 100
    assert sum(receipt.duplicates for receipt in receipts) == 300
    assert all(receipt.visible for receipt in receipts)
    assert Counter(event.event_id for _, event in live.since(0)) == {f"e{at}": 1 for at in range(100)}


@EXAMPLES
@given(calls=st.lists(st.lists(EVENTS, max_size=4), max_size=5))
def test_together_calls_are_taken_in_as_one_behind_the_other(open_again, calls):
    name = time.monotonic_ns()
    live = open_again(f"one-by-one-{name}", new_store=True)
    expected = [live.accept(call) for call in calls], live.since(0)
    live = open_again(f"together-{name}", new_store=True)
    assert (live.accept_all(calls), live.since(0)) == expected


STEPS = st.one_of(
    st.tuples(st.just("accept"), st.lists(EVENTS, max_size=4)),
    st.tuples(st.just("erase"), st.sampled_from(["u1", "ü\t", "session:s1"])),
    st.tuples(st.just("forget_erased"), st.lists(st.sampled_from(["u1", "ü\t"]), max_size=2)),
    st.tuples(st.just("put_item"), st.sampled_from(["i", "日本"])),
    st.tuples(st.just("rotate"), st.none()),
    st.tuples(st.just("open"), st.none()),
)


@EXAMPLES
@given(steps=st.lists(STEPS, max_size=10))
def test_made_again_from_the_log_a_store_is_the_same(open_again, make_store, tmp_path, steps):
    log = f"log-{time.monotonic_ns()}"
    live = open_again(log, new_store=True)
    users = {"u1", "ü\t", "session:s1"}
    for step, what in steps:
        match step:
            case "open":
                live = open_again(log)
            case "rotate":
                live.log.rotate()
            case "put_item":
                live.put_item(what, b"{}")
            case _:
                getattr(live, step)(what)
        users |= {user_key(event) for event in what} if step == "accept" else set()
    asked = sorted(users)
    grown = state(live, asked)
    live.refill()
    assert state(live, asked) == grown
    assert state(open_again(log, new_store=True), asked) == grown


def test_the_forgotten_stay_forgotten_and_may_come_back(open_again):
    live = open_again()
    live.accept(many(20, users=2))
    live.erase("u1")
    assert live.versions(["u0", "u1"]) == [19, ERASED]
    back = happened("back", "u1")
    live.accept([back, *many(20, users=2)])
    for _ in range(2):
        assert live.events_of(["u1"]) == [[back]]
        assert live.erased() == ["u1"]
        assert len(live.since(0)) == 11
        live = open_again(new_store=True)
    live.forget_erased(["u1"])
    assert live.erased() == open_again(new_store=True).erased() == []


def test_what_the_erased_did_can_be_taken_out_of_the_log_too(open_again):
    live = open_again()
    live.accept(many(20, users=2))
    live.erase("u1")
    back = happened("back", "u1")
    live.accept([back, happened("named", "u0", item_id='"note"')])
    before = state(live, ["u0", "u1"])
    assert live.purge(["u1", "nobody"]) == 10
    assert live.purge(["u1"]) == 0
    assert live.last() == 23
    text = b"".join(segment.path.read_bytes() for segment in live.closed_segments())
    assert text.count(b'"user_id":"u1"') == 1  # the event after they came back
    live.refill()
    assert state(live, ["u0", "u1"]) == before


def test_a_store_is_as_long_as_the_log_that_it_is_made_from(open_again, tmp_path):
    live = open_again()
    live.accept(many(10))
    live.log.rotate()
    kept = happened("kept", "u3", NOON + 1)
    live.accept([kept])
    live.close()
    (oldest,) = live.closed_segments()[:1]
    oldest.path.rename(tmp_path / "archived.log")
    live = open_again()  # on its store, which has all of it still
    assert len(live.since(0)) == 11
    live = open_again(new_store=True)
    assert live.since(0) == [(11, kept)]
    assert live.versions(["u3", "u4"]) == [11, 0]
    assert live.accept([kept, happened("next")]) == Receipt(1, 1, True)
    assert live.last() == 12


def test_clocks_may_differ_by_minutes(open_again):
    live = open_again()
    assert live.accept([happened("a", occurred_at=NOON + 5 * MINUTE)]).accepted == 1
    with pytest.raises(BadInput, match=r"events\[1\]\.occurred_at .* 5 minutes ahead .*'c'"):
        live.accept([happened("b"), happened("c", occurred_at=NOON + 5 * MINUTE + 1)])
    assert live.last() == 1


def test_a_clock_that_is_set_back_changes_no_order(open_again):
    clock = [NOON]
    live = open_again(now=lambda: clock[0])
    live.accept([happened("a", occurred_at=NOON)])
    clock[0] -= 60 * MINUTE
    live.accept([happened("b", occurred_at=NOON - 60 * MINUTE)])
    live = open_again(now=lambda: clock[0])
    live.accept([happened("c", occurred_at=NOON - 59 * MINUTE)])
    assert [(at, event.event_id) for at, event in live.since(0)] == [(1, "a"), (2, "b"), (3, "c")]
    assert [event.event_id for event in live.events_of(["u"])[0]] == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (happened("a", value=float("nan")), r"events\[1\]\.value is nan"),
        (happened("a", quantity=float("inf")), r"events\[1\]\.quantity is inf"),
        (happened("\ud800"), r"events\[1\] holds half a character"),
        (happened("a", item_id="\udfff"), r"events\[1\] holds half a character"),
    ],
)
def test_what_cannot_be_kept_is_refused_whole(open_again, event, message):
    live = open_again()
    with pytest.raises(BadInput, match=message):
        live.accept([happened("good"), event])
    assert live.last() == live.log.last == 0


def test_of_calls_taken_in_together_only_the_one_that_is_wrong_is_refused(open_again):
    live = open_again()
    ahead = happened("ahead", occurred_at=NOON + 6 * MINUTE)
    first, refused, last = live.accept_all([[happened("a")], [happened("b"), ahead], [happened("b"), happened("a")]])
    assert (first, last) == (Receipt(1, 0, True), Receipt(1, 1, True))
    assert isinstance(refused, BadInput)
    assert "events[1].occurred_at" in str(refused)
    assert [event.event_id for _, event in live.since(0)] == ["a", "b"]


def test_where_the_write_fails_it_fails_for_all_calls_but_those_refused(open_again):
    full = threading.Event()
    live, bad = open_again(sync=unless(full)), happened("bad", value=float("nan"))
    full.set()
    outcomes = live.accept_all([[happened("a")], [bad], [happened("b")]])
    assert [type(outcome) for outcome in outcomes] == [NotDurable, BadInput, NotDurable]
    full.clear()
    assert live.accept_all([[happened("b"), happened("a")], [happened("a")]]) == [
        Receipt(2, 0, True),
        Receipt(0, 1, True),
    ]


def test_what_was_not_durable_may_be_sent_again(open_again):
    full = threading.Event()
    live = open_again(sync=unless(full))
    live.accept([happened("a")])
    full.set()
    for _ in range(2):
        with pytest.raises(NotDurable, match="No space left"):
            live.accept([happened("b"), happened("c")])
        with pytest.raises(NotDurable):
            live.erase("u")
    assert live.versions(["u"]) == [1]
    full.clear()
    assert live.accept([happened("a"), happened("b")]) == Receipt(1, 1, True)
    assert open_again().last() == 2


def test_a_fault_of_the_store_ends_nothing(open_again, monkeypatch, caplog):
    live = open_again()
    live.accept(many(3))
    apply = live._store.apply
    faults = iter([ValueError("a fault")])

    def faulty(events, *, at=None):
        for fault in faults:
            raise fault
        return apply(events, at=at)

    monkeypatch.setattr(live._store, "apply", faulty)
    assert live.accept(many(5)) == Receipt(2, 3, False)
    eventually(lambda: live.last() == 5)
    assert "a fault" in caplog.text


def test_another_logs_store_is_left_alone(open_again, make_store, tmp_path):
    store = make_store(only_filled=True)
    first = Live(EventLog(tmp_path / "first"), store, 5.0)
    first.accept(many(3))
    log = EventLog(tmp_path / "second")
    with pytest.raises(RunFailed, match="filled from another event log"):
        Live(log, store, 5.0)
    log.close()
    assert first.last() == 3
    first.close()


def in_home(home: Path, script: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(HERE / script), str(home), *arguments],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip


def test_a_killed_process_loses_nothing_that_it_acknowledged(tmp_path):
    acknowledged: list[str] = []
    for at in range(3):
        with in_home(tmp_path, "taking_in.py", str(at)) as process:
            acknowledged += [process.stdout.readline().strip() for _ in range(200)]
            process.kill()
            acknowledged += [line.strip() for line in process.stdout if line.endswith("\n")]
        with changed_settings(home=tmp_path), open_live("shop") as live:
            kept = Counter(event.event_id for _, event in live.since(0, 1_000_000))
            assert set(kept.values()) == {1}
            assert set(acknowledged) <= set(kept)
            log = Counter(LiveEvent.of_line(line).event_id for _, line in read_log(online_folder("shop") / "log"))
            assert log == kept
            assert live.accept([happened(each) for each in acknowledged]).accepted == 0
    assert len(acknowledged) >= 600


def test_a_store_that_was_cut_is_made_again_from_the_log(tmp_path, caplog):
    with changed_settings(home=tmp_path):
        with open_live("shop") as live:
            live.accept(many(300))
            before = live.since(0)
        os.truncate(online_folder("shop") / "store" / DATA, 50_000)
        with open_live("shop") as live:
            assert live.since(0) == before
    assert "made again from the event log" in caplog.text


def test_two_writers_are_refused_and_a_reader_reads(tmp_path):
    script = (
        "from ml.errors import BadInput\nfrom ml.serving.online.opening import open_live\n"
        "with open_live('shop', reader=True) as view: print(view.versions(['u0', 'u1']))\n"
        "try: open_live('shop')\nexcept BadInput as error: print(error)"
    )
    with changed_settings(home=tmp_path), open_live("shop") as live:
        live.accept(many(4, users=2))
        environment = {**os.environ, "SLATE_HOME": str(tmp_path)}
        other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
        versions, refusal = other.stdout.splitlines()
        assert versions == "[3, 4]"
        assert f"process {os.getpid()}" in refusal


def test_landing_takes_closed_segments(open_again):
    live = open_again()
    live.accept(many(3))
    live.log.rotate()
    live.accept(many(3, start=3))
    (segment,) = live.closed_segments()
    assert [LiveEvent.of_line(line) for line in lines_of(segment)] == many(3)


def test_an_address_that_is_none_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    monkeypatch.setenv("SLATE_ONLINE_STORE", "postgres://secret@host")
    with pytest.raises(BadInput, match="SLATE_ONLINE_STORE") as refused:
        open_live("shop")
    assert "secret" not in str(refused.value)
    monkeypatch.delenv("SLATE_ONLINE_STORE")
    open_live("shop").close()  # the log was let go


def test_a_reader_before_the_writer_is_told_so(tmp_path):
    with changed_settings(home=tmp_path), open_live("shop", reader=True) as view, pytest.raises(StoreGone, match="yet"):
        view.versions(["u"])


def test_eventually_gives_up():
    with pytest.raises(AssertionError):
        eventually(lambda: False, seconds=0.01)
