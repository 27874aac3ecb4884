import os
import subprocess
import sys

import pytest

from ml.artifacts import read_json, write_json
from ml.errors import BadInput
from ml.steps.record import last_runs, recorded


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    return tmp_path


def test_a_finished_step_is_recorded_with_its_time():
    @recorded("dig")
    def dig(domain: str, depth: int) -> int:
        return depth * 2

    assert dig("retail", depth=2) == 4
    run = last_runs("retail")["dig"]
    assert run["state"] == "success"
    assert run["seconds"] >= 0
    assert run["started_at"] <= run["ended_at"]


def test_a_failed_step_is_recorded_with_its_reason_and_still_fails():
    @recorded("dig")
    def dig(plan: dict) -> None:
        raise BadInput("the spade is missing: buy one")

    with pytest.raises(BadInput):
        dig({"domain": "retail"})
    run = last_runs("retail")["dig"]
    assert (run["state"], run["message"]) == ("failed", "the spade is missing: buy one")


def test_a_step_whose_process_is_gone_was_killed(home):
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    path = home / "runs" / "retail" / "dig.json"
    write_json(path, {"state": "running", "started_at": "2026-01-01T00:00:00+00:00", "pid": int(gone.stdout)})
    assert last_runs("retail")["dig"]["state"] == "killed"
    write_json(path, read_json(path) | {"pid": os.getpid()})
    assert last_runs("retail")["dig"]["state"] == "running"


def test_a_domain_that_never_ran_has_no_runs():
    assert last_runs("retail") == {}
