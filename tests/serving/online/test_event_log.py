"""What the event log keeps, whatever happens to its process and its disk."""

import errno
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.errors import BadInput, RunFailed
from ml.serving.online.errors import NotDurable
from ml.serving.online.event_log import EventLog
from ml.serving.online.segment_writer import LogLimits
from ml.serving.online.segments import content, framed, lines_of, read_log, segments_in


def lines(number: int, start: int = 1) -> list[bytes]:
    return [b'{"number":%d}' % at for at in range(start, start + number)]


def read(folder: Path, after: int = 0) -> list[tuple[int, bytes]]:
    return list(read_log(folder, after))


def no_sync(descriptor: int) -> None:
    """For tests that cut no power."""


@pytest.fixture
def log(tmp_path):
    with EventLog(tmp_path / "log", sync=no_sync) as log:
        yield log


def test_lines_are_numbered_and_read_back(log):
    assert (log.last, list(log.read())) == (0, [])
    assert log.append([b'{"a":1}']) == 1
    assert log.append([b'{"b":2}', '{"ü":"日本\u2028"}'.encode()]) == 2
    assert log.last == 3
    assert list(log.read(1)) == [(2, b'{"b":2}'), (3, '{"ü":"日本\u2028"}'.encode())]
    assert list(log.read(3)) == list(log.read(99)) == []


@pytest.mark.parametrize("bad", [[], [b"two\nlines"]])
def test_lines_are_lines(log, bad):
    with pytest.raises(ValueError, match="line"):
        log.append(bad)


@given(st.binary().filter(lambda line: b"\n" not in line), st.data())
def test_a_changed_byte_is_noticed(line, data):
    written = framed([line])
    assert content(written) == line
    at = data.draw(st.integers(0, len(written) - 1))
    other = bytes([written[at] ^ data.draw(st.integers(1, 255))])
    assert content(written[:at] + other + written[at + 1 :]) is None


def test_many_threads_share_a_sync(tmp_path):
    syncs = []

    def slow_sync(descriptor: int) -> None:
        time.sleep(0.002)
        syncs.append(descriptor)

    with EventLog(tmp_path, sync=slow_sync) as log, ThreadPoolExecutor(16) as pool:
        firsts = list(pool.map(lambda at: log.append(lines(2, 2 * at)), range(160)))
        assert sorted(firsts) == list(range(1, 321, 2))
        assert len(syncs) < 100
        kept = dict(log.read())
        for at, first in enumerate(firsts):
            assert [kept[first], kept[first + 1]] == lines(2, 2 * at)


def test_a_log_goes_on_where_it_ended(tmp_path):
    identities = set()
    for at in range(3):
        with EventLog(tmp_path) as log:
            identities.add(log.identity)
            assert log.append(lines(2, 2 * at + 1)) == 2 * at + 1
            if at == 1:
                log.rotate()
    assert read(tmp_path) == list(enumerate(lines(6), 1))
    assert len(identities) == 1


def test_large_segments_are_closed_for_good(tmp_path):
    with EventLog(tmp_path, LogLimits(segment_bytes=100), no_sync) as log:
        for line in lines(30):
            log.append([line])
        closed = log.closed_segments()
        assert len(closed) >= 5
        assert [line for segment in closed for line in lines_of(segment)] == lines(closed[-1].last)
        assert all(after.first == before.last + 1 for before, after in pairwise(closed))
        assert [at for at, _ in log.read(17)] == list(range(18, 31))
        before = {segment.path: segment.path.read_bytes() for segment in closed}
        log.append(lines(50, 31))
        assert all(path.read_bytes() == data for path, data in before.items())


def test_old_segments_are_closed_without_further_writes(tmp_path):
    with EventLog(tmp_path, LogLimits(segment_seconds=0.05), no_sync) as log:
        log.append(lines(1))
        until = time.monotonic() + 30
        while not log.closed_segments():
            assert time.monotonic() < until
            time.sleep(0.01)
        assert log.append(lines(1, 2)) == 2


def test_landing_may_ask_for_what_is_there(log):
    log.rotate()
    assert log.closed_segments() == []  # there is nothing
    log.append(lines(3))
    log.rotate()
    log.rotate()
    (segment,) = log.closed_segments()
    assert (segment.first, segment.last, list(lines_of(segment))) == (1, 3, lines(3))


def test_a_torn_end_is_cut_off_at_every_byte(tmp_path):
    with EventLog(tmp_path, sync=no_sync) as log:
        log.append(lines(2))
    (segment,) = segments_in(tmp_path)
    whole = segment.path.read_bytes()
    last = len(framed(lines(1)))
    for size in range(len(whole) - last, len(whole)):
        segment.path.write_bytes(whole[:size])
        assert read(tmp_path) == [(1, lines(1)[0])]  # a reader beside it sees what is whole
        with EventLog(tmp_path, sync=no_sync) as log:
            assert log.last == 1
            assert log.append([b"{}"]) == 2
        assert read(tmp_path) == [(1, lines(1)[0]), (2, b"{}")]
        torn = segment.path.with_name(f"{segment.path.stem}@{len(whole) - last}.torn")
        assert (torn.read_bytes() if torn.exists() else b"") == whole[len(whole) - last : size]
        torn.unlink(missing_ok=True)


@pytest.mark.parametrize("closed", [False, True])
def test_a_corrupt_line_in_the_middle_is_named(tmp_path, closed):
    with EventLog(tmp_path, sync=no_sync) as log:
        log.append(lines(3))
        if closed:
            log.rotate()
    (segment,) = segments_in(tmp_path)
    data = bytearray(segment.path.read_bytes())
    offset = len(framed(lines(1)))
    data[offset + 12] ^= 1
    segment.path.write_bytes(data)
    with pytest.raises(RunFailed, match=rf"{segment.path.name} is corrupt at byte {offset}"):
        read(tmp_path)
    if not closed:
        with pytest.raises(RunFailed, match=rf"{segment.path.name} is corrupt at byte {offset}"):
            EventLog(tmp_path)
        assert segment.path.read_bytes() == data


def test_a_closed_segment_that_was_cut_is_named(tmp_path):
    with EventLog(tmp_path, sync=no_sync) as log:
        log.append(lines(3))
        log.rotate()
        (segment,) = log.closed_segments()
        os.truncate(segment.path, len(framed(lines(2))))
        with pytest.raises(RunFailed, match="cut"):
            list(log.read())


def test_a_segment_that_is_missing_is_named(tmp_path):
    with EventLog(tmp_path, sync=no_sync) as log:
        for at in range(1, 7, 2):
            log.append(lines(2, at))
            log.rotate()
        log.append(lines(2, 7))
        first, second, _ = log.closed_segments()
        first.path.unlink()
        assert [at for at, _ in log.read()] == list(range(3, 9))
        second.path.replace(tmp_path / "elsewhere")
        with pytest.raises(RunFailed, match="lacks the lines 3 to 4"):
            list(log.read(2))


def test_a_second_process_is_told_who_writes(tmp_path, log):
    with pytest.raises(BadInput, match=f"process {os.getpid()} on .* since"):
        EventLog(log.folder)
    code = f"from pathlib import Path; from ml.serving.online.event_log import EventLog; EventLog(Path({str(log.folder)!r}))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert other.returncode
    assert f"process {os.getpid()}" in other.stderr
    log.close()
    EventLog(log.folder).close()


@pytest.mark.parametrize("fails", ["write", "sync"])
def test_nothing_stays_of_what_the_disk_did_not_take(tmp_path, monkeypatch, fails):
    full = threading.Event()
    write = os.pwrite

    def pwrite(descriptor, data, offset):
        if fails == "write" and full.is_set():
            write(descriptor, data[: len(data) // 2], offset)
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[: max(1, len(data) // 2)], offset)  # a disk may take a part

    def sync(descriptor):
        if fails == "sync" and full.is_set():
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pwrite", pwrite)
    with EventLog(tmp_path, sync=sync) as log:
        log.append(lines(2))
        size = segments_in(tmp_path)[0].path.stat().st_size
        full.set()
        for _ in range(2):
            with pytest.raises(NotDurable, match=r"could not be written \((No space|Input/output)"):
                log.append(lines(2, 3))
        assert segments_in(tmp_path)[0].path.stat().st_size == size
        full.clear()
        assert log.append(lines(1, 3)) == 3
    assert read(tmp_path) == list(enumerate(lines(3), 1))


def test_a_real_disk_that_is_full(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("this user may mount nothing")
    try:
        with EventLog(disk / "log") as log:
            log.append(lines(1))
            ballast = disk / "ballast"
            with suppress(OSError), ballast.open("wb", 0) as stream:
                while True:
                    stream.write(bytes(4096))
            with pytest.raises(NotDurable, match="No space left"):
                log.append(lines(1000, 2))
            ballast.unlink()
            assert log.append(lines(1, 2)) == 2
        assert read(disk / "log") == list(enumerate(lines(2), 1))
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_disk_that_hangs_holds_nobody(tmp_path):
    goes_on = threading.Event()
    limits = LogLimits(timeout_seconds=0.05, queued_bytes=60)
    log = EventLog(tmp_path, limits, sync=lambda _: goes_on.wait())
    try:
        with pytest.raises(NotDurable, match="send the events again"):
            log.append(lines(1))
        with pytest.raises(NotDurable, match="send the events again"):
            log.append(lines(1, 2))
        with pytest.raises(NotDurable, match="too much waits"):
            log.append(lines(3, 3))
        log.close()  # does not wait for it either
        with pytest.raises(BadInput):
            EventLog(tmp_path)
    finally:
        goes_on.set()
    log.close()
    assert read(tmp_path) == list(enumerate(lines(2), 1))  # what was not acknowledged may be kept
    with pytest.raises(NotDurable, match="closed"):
        log.append(lines(1))
