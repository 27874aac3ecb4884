import os
import signal
import subprocess
import sys

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


def test_a_process_killed_midway_does_not_block_the_next(home):
    script = (
        "import os, signal\nfrom ml import artifacts\n"
        "def make(folder):\n    (folder / 'half').write_text('')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "artifacts.build('thing', {'a': 1}, make)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script], env=os.environ | {"SLATE_HOME": str(home)}, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not artifacts.artifact_path("thing", artifacts.digest({"a": 1})).exists()
    path = artifacts.build("thing", {"a": 1}, lambda folder: (folder / "whole").write_text("") and None)
    assert (path / "whole").exists()


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
