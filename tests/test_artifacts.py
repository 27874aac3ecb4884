import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml import artifacts
from ml.errors import RunFailed


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    return tmp_path


def test_the_same_inputs_are_built_once_and_found_again():
    made = []

    def make(folder):
        made.append(folder)
        (folder / "x").write_text("1")
        return {"rows": 3}

    first = artifacts.build("thing", {"a": 1}, make)
    assert artifacts.build("thing", {"a": 1}, make) == first
    assert len(made) == 1
    assert artifacts.manifest(first) == {
        "kind": "thing", "key": artifacts.digest({"a": 1}), "inputs": {"a": 1}, "rows": 3,
    }  # fmt: skip
    assert artifacts.build("thing", {"a": 2}, make) != first


def test_a_failure_leaves_nothing_behind(home):
    def make(folder):
        (folder / "half").write_text("…")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        artifacts.build("thing", {}, make)
    assert list((home / "artifacts" / "thing").iterdir()) == []


HALF = """
import sys, time
from ml import artifacts

def make(folder):
    (folder / "half").write_text("")
    print("half", flush=True)
    time.sleep(60)

artifacts.build("thing", {"a": int(sys.argv[1])}, make)
"""


@contextmanager
def half_built(home, number):
    """A process that has built half of an artifact; killed in the end."""
    command = [sys.executable, "-c", HALF, str(number)]
    with subprocess.Popen(command, env=os.environ | {"SLATE_HOME": str(home)}, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"half\n"
            yield
        finally:
            process.kill()


def whole(folder):
    (folder / "whole").write_text("")


def test_what_a_killed_process_left_is_removed_by_the_next_one(home):
    room = home / "artifacts" / "thing"
    with half_built(home, 1):
        pass
    assert [(path / "half").exists() for path in room.iterdir()] == [True]
    path = artifacts.build("thing", {"a": 1}, whole)
    assert [*room.iterdir()] == [path]
    assert sorted(each.name for each in path.iterdir()) == ["manifest.json", "whole"]


def test_what_a_living_process_builds_is_left_alone(home):
    room = home / "artifacts" / "thing"
    with half_built(home, 1):
        paths = [artifacts.build("thing", {"a": number}, whole) for number in (1, 2)]
        (building,) = set(room.iterdir()) - set(paths)
        assert (building / "half").exists()


def test_twins_build_at_once_and_one_of_them_stays(home):
    both = threading.Barrier(2)

    def make(folder):
        both.wait(10)
        return whole(folder)

    with ThreadPoolExecutor(2) as pool:
        paths = {*pool.map(lambda _: artifacts.build("thing", {}, make), range(2))}
    assert {*(home / "artifacts" / "thing").iterdir()} == paths
    assert len(paths) == 1


def test_a_folder_without_a_manifest_is_no_artifact(home):
    with pytest.raises(RunFailed, match=r"has no manifest\.json"):
        artifacts.manifest(home)


def test_files_are_replaced_whole(home):
    path = home / "x" / "y.json"
    artifacts.write_json(path, {"ä": 1})
    artifacts.write_json(path, {"ä": 2})
    assert artifacts.read_json(path) == {"ä": 2}
    assert [each.name for each in path.parent.iterdir()] == ["y.json"]


@given(st.dictionaries(st.text(), st.integers() | st.text()))
def test_a_digest_depends_on_content_not_on_order(value):
    backwards = dict(reversed(value.items()))
    assert artifacts.digest(value) == artifacts.digest(backwards)
    assert artifacts.digest({**value, "more": 1}) != artifacts.digest(value) or value.get("more") == 1
