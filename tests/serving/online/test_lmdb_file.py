"""The embedded store's file: what is not whole is made again, what is full grows, others may read."""

import json
import os
import random
import subprocess
import sys

import pytest
from happenings import happened, many

from ml.serving.online import lmdb_file
from ml.serving.online.errors import StoreGone
from ml.serving.online.lmdb_file import DATA, STATE
from ml.serving.online.lmdb_store import LmdbStore


def filled(folder, events=200) -> None:
    store = LmdbStore(folder, map_size=1 << 20)
    store.apply(many(events))
    store.close()


def test_a_store_is_found_again(tmp_path):
    filled(tmp_path)
    store = LmdbStore(tmp_path)
    assert store.last() == 200
    assert not (tmp_path / "distrusted").exists()
    store.close()


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 8192, 20_000, 60_000])
def test_a_file_cut_short_is_made_again(tmp_path, caplog, size):
    filled(tmp_path)
    os.truncate(tmp_path / DATA, size)
    store = LmdbStore(tmp_path)
    assert store.last() == 0
    assert store.apply(many(1)) == [True]
    assert "made again from the event log" in caplog.text
    assert (tmp_path / "distrusted" / DATA).exists()
    store.close()


@pytest.mark.parametrize("seed", range(6))
def test_a_corrupt_file_is_made_again_or_right(tmp_path, seed):
    filled(tmp_path)
    draws = random.Random(seed)
    with (tmp_path / DATA).open("r+b") as stream:
        for _ in range(3):
            stream.seek(4096 * draws.randrange(2, 25))
            stream.write(draws.randbytes(4096) if seed % 2 else bytes(4096))
    store = LmdbStore(tmp_path)
    assert store.last() in (0, 200)  # random pages may be ones that are not in use
    users = [f"u{at}" for at in range(10)]
    assert sum(map(len, store.events_of(users))) == store.last()
    store.close()


@pytest.mark.parametrize("content", [b"", b"no store" * 5000])
def test_a_file_that_is_no_store_is_put_aside(tmp_path, content):
    filled(tmp_path)
    (tmp_path / DATA).write_bytes(content)
    store = LmdbStore(tmp_path)
    assert store.last() == 0
    store.close()


@pytest.mark.parametrize("state", ['{"boot": "another"}', "{", "[]"])
def test_a_machine_that_went_down_leaves_nothing_to_believe(tmp_path, caplog, state):
    filled(tmp_path)
    (tmp_path / STATE).write_text(state)
    store = LmdbStore(tmp_path)
    assert store.last() == 0
    assert "made again" in caplog.text
    assert json.loads((tmp_path / STATE).read_text()) == {"boot": lmdb_file._boot()}
    store.close()


def test_the_map_grows(tmp_path):
    store = LmdbStore(tmp_path, map_size=1 << 16)
    long = "x" * 1000
    for at in range(20):
        assert all(store.apply([happened(f"e{at}.{each}", item_id=long) for each in range(100)]))
    assert len(store.events_of(["u"])[0]) == 2000
    assert (tmp_path / DATA).stat().st_size > 1 << 21
    store.close()


READER = """
import sys
from pathlib import Path
from ml.serving.online.errors import StoreGone
from ml.serving.online.lmdb_store import LmdbStore
store = LmdbStore(Path(sys.argv[1]), reader=True, only_filled=True)
for line in sys.stdin:
    try:
        print(store.last(), len(store.events_of(["u0"])[0]), flush=True)
    except StoreGone:
        print("gone", flush=True)
"""


def test_other_processes_read_while_one_writes(tmp_path, monkeypatch):
    folder = tmp_path / "store"
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def seen() -> str:
        reader.stdin.write("\n")
        reader.stdin.flush()
        return reader.stdout.readline().strip()

    def seen_now() -> str:
        subprocess.run(["sleep", "0.06"], check=True)  # a reader looks this often for another file
        return seen()

    with reader:
        assert seen() == "gone"  # nobody has made it yet
        store = LmdbStore(folder, map_size=1 << 16)
        store.apply(many(10))
        assert seen_now() == "gone"  # it is being filled
        store.mark_filled()
        assert seen() == "10 1"
        for at in range(10, 2000, 10):  # the map grows under the reader
            store.apply(many(10, start=at))
        assert seen() == "2000 200"
        store.close()
        os.truncate(folder / DATA, 5000)
        store = LmdbStore(folder)  # another file
        assert seen_now() == "gone"
        store.apply(many(20))
        store.mark_filled()
        assert seen() == "20 2"
        store.close()
        reader.stdin.close()
        assert reader.wait(10) == 0


def test_a_reader_changes_nothing(tmp_path):
    filled(tmp_path)
    with pytest.raises(StoreGone, match="cannot be"):
        LmdbStore(tmp_path, reader=True).apply(many(1))
