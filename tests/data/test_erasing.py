"""Users go from files of every kind, and nobody else does."""

import json
import os
import sqlite3
from pathlib import Path
from zlib import crc32

import duckdb
import numpy as np
import pandas as pd
import pytest
import small_shop

from ml.data import erasing_landing
from ml.data.erasing_files import PURGED, erase_from
from ml.data.erasing_landing import erase_landed
from ml.data.landing import partitions, row_counts
from ml.data.traces import Identifier, holds, scan

ANNA, LUKASZ, NUMBER = Identifier("anna"), Identifier("Łukasz"), Identifier("900")


def framed(told: dict) -> bytes:
    line = json.dumps(told, ensure_ascii=False).encode()
    return b"%08x %b\n" % (crc32(line), line)


@pytest.mark.parametrize(
    ("user", "text", "stands"),
    [
        (ANNA, "hello anna, how", True), (ANNA, "susanna", False), (ANNA, "annabel", False), (ANNA, "anna_b", False),
        (LUKASZ, '{"u": "\\u0141ukasz"}', True), (LUKASZ, "Łukaszek", False), (NUMBER, "900 items", False),
        (NUMBER, '{"user_id": "900"}', True), (NUMBER, "household 900 bought", True), (NUMBER, '"user_id": "9001"', False),
        (NUMBER, "--user 900 --k 5", True),
    ],
)  # fmt: skip
def test_an_identifier_stands_by_itself(user, text, stands):
    assert user.stands_in(text) == stands
    assert not user.stands_in(user.without(text))


def files(folder: Path) -> list[Path]:
    """One of each kind, each with anna and somebody else."""
    frame = pd.DataFrame({"user_id": ["anna", "bert", None], "note": ["x", "y", "seen with anna"], "n": [1, 2, 3]})
    frame.to_parquet(folder / "rows.parquet")
    frame.rename(columns={"user_id": "customer"}).to_csv(folder / "rows.csv", index=False)
    pd.DataFrame({"id": ["anna", "bert"]}).to_parquet(folder / "ids.parquet")
    (folder / "log.jsonl").write_text('{"user_id": "anna"}\n{"user_id": "bert"}\n', "utf-8")
    (folder / "seg.log").write_bytes(framed({"user_id": "bert"}) + framed({"user_id": "anna"}) + framed({"u": 1}))
    (folder / "told.json").write_text('{"who": ["anna", "bert"]}', "utf-8")
    with sqlite3.connect(folder / "any.db") as connection:
        connection.execute("CREATE TABLE runs (conf TEXT, blob BLOB)")
        connection.executemany("INSERT INTO runs VALUES (?, ?)", [("for anna", b"anna"), ("for bert", b"bert")])
    connection.close()
    return sorted(folder.iterdir())


def test_every_kind_of_file_is_found_and_rewritten(tmp_path):
    made = files(tmp_path)
    assert scan(tmp_path, ANNA) == made
    assert all(erase_from(path, ANNA) for path in made)
    assert scan(tmp_path, ANNA) == []
    assert sorted(tmp_path.iterdir()) == made  # nothing was left beside
    assert len(scan(tmp_path, Identifier("bert"))) == len(made)
    assert duckdb.sql(f"SELECT n FROM '{tmp_path}/rows.parquet'").fetchall() == [(2,)]
    assert pd.read_csv(tmp_path / "rows.csv")["n"].tolist() == [2]


def test_a_line_of_the_event_log_keeps_its_place(tmp_path):
    path = tmp_path / "1-3.log"
    path.write_bytes(framed({"user_id": "bert"}) + framed({"user_id": "anna"}) + framed({"u": 1}))
    erase_from(path, ANNA)
    lines = path.read_bytes().splitlines()
    assert [line[9:] for line in lines] == [b'{"user_id": "bert"}', PURGED, b'{"u": 1}']
    assert all(int(line[:8], 16) == crc32(line[9:]) for line in lines)


def test_arrays_texts_and_torn_ends_are_searched(tmp_path):
    np.save(tmp_path / "texts.npy", np.array(["anna", "bert"]))
    np.save(tmp_path / "numbers.npy", np.frombuffer(b"anna" * 4, np.uint8))
    (tmp_path / "empty.bin").write_bytes(b"")
    (tmp_path / "page.mdb").write_bytes(b"\0\0anna\0\0")
    (tmp_path / "other.bin").write_bytes("Łukasz".encode())
    assert [path.name for path in scan(tmp_path, ANNA)] == ["page.mdb", "texts.npy"]
    assert holds(tmp_path / "other.bin", LUKASZ)
    assert not holds(tmp_path / "gone", ANNA)


def test_a_table_of_things_keeps_what_only_mentions_the_name(tmp_path):
    pd.DataFrame({"item_id": ["a"], "name": ["anna cake"]}).to_parquet(tmp_path / "items.parquet")
    assert scan(tmp_path, ANNA) == []


def test_a_numeric_identifier_is_looked_for_where_users_are_named(tmp_path):
    frame = pd.DataFrame({"household_id": [900, 901], "item_id": ["900", "900"], "price": [900.0, 1.0]})
    frame.to_parquet(tmp_path / "rows.parquet")
    frame[["item_id", "price"]].to_parquet(tmp_path / "items.parquet")
    assert [path.name for path in scan(tmp_path, NUMBER)] == ["rows.parquet"]
    erase_from(tmp_path / "rows.parquet", NUMBER)
    assert duckdb.sql(f"SELECT household_id FROM '{tmp_path}/rows.parquet'").fetchall() == [(901,)]


def test_a_forgotten_user_leaves_the_freed_pages_of_a_store(tmp_path):
    import lmdb

    with lmdb.open(str(tmp_path)) as store:
        with store.begin(write=True) as change:
            change.put(b"k", b'{"user_id":"anna"}')
            change.put(b"l", b'{"user_id":"bert"}')
        with store.begin(write=True) as change:
            change.delete(b"k")
    assert tmp_path / "data.mdb" in scan(tmp_path, ANNA)
    erase_from(tmp_path / "data.mdb", ANNA)
    assert scan(tmp_path, ANNA) == []
    with lmdb.open(str(tmp_path), readonly=True) as store, store.begin() as reading:
        assert reading.get(b"l") == b'{"user_id":"bert"}'


@pytest.fixture
def shop(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    small_shop.land_all()
    return tmp_path


def test_landed_rows_go_and_the_same_files_bring_nobody_back(shop):
    before, events = row_counts("retail"), small_shop.events()
    own = sum(event["user_id"] == "anna" for event in events)
    assert erase_landed("retail", [ANNA]) == own + 1
    assert scan(shop, ANNA) == []
    after = row_counts("retail")
    assert after == {**before, "interactions": before["interactions"] - own, "users": before["users"] - 1}
    changed = [part for part in partitions("retail") if part.rows_erased]
    assert {part.table for part in changed} == {"interactions", "users"}
    assert all(part.hash == part.folder.name != part.landed_as and part.content for part in changed)
    small_shop.land_all()
    assert row_counts("retail") == after
    assert scan(shop, ANNA) == []


def test_nobody_known_changes_nothing(shop):
    before = [part.hash for part in partitions("retail")]
    assert erase_landed("retail", [Identifier("nobody-here")]) == 0
    assert [part.hash for part in partitions("retail")] == before


@pytest.mark.parametrize("function", ["shutil.rmtree", "os.rename"])
def test_killed_midway_it_goes_on(shop, monkeypatch, function):
    """Before the new partition appears, and before the old one goes."""
    module, name = {"shutil": erasing_landing.shutil, "os": os}[function.split(".")[0]], function.split(".")[1]

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, name, killed)
        with pytest.raises(KeyboardInterrupt):
            erase_landed("retail", [ANNA])
    own = sum(event["user_id"] == "anna" for event in small_shop.events())
    everybody = sum(1 for _ in small_shop.events())
    erase_landed("retail", [ANNA])
    assert row_counts("retail")["interactions"] == everybody - own
    assert scan(shop, ANNA) == []
