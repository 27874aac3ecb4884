"""What the scheduler hands to its tasks."""

import os
import subprocess
import sys

import pytest

from ml.wheel import scheduler


def test_dbt_is_warmed_up_without_a_warehouse(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    scheduler.warm_dbt()
    assert list(tmp_path.rglob("partial_parse.msgpack"))
    assert not list(tmp_path.rglob("*.duckdb"))


WARM_AND_FORK = """
import multiprocessing, sys
from ml.features.marts import run_dbt
from ml.wheel import scheduler

scheduler.warm_dbt()
task = multiprocessing.get_context("fork").Process(
    target=run_dbt, args=(["parse", "--no-partial-parse"], {"domain": "retail"})
)
task.start()
task.join(100)
task.kill()
sys.exit(task.exitcode)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="tasks are forked on Linux only")
def test_dbt_works_in_a_fork_of_the_process_that_warmed_it_up(tmp_path):
    fresh = [sys.executable, "-c", WARM_AND_FORK]  # the threads that other tests left here would decide
    assert subprocess.run(fresh, env={**os.environ, "SLATE_HOME": str(tmp_path)}, check=False).returncode == 0


def test_a_project_that_dbt_cannot_read_does_not_stop_the_scheduler(tmp_path, monkeypatch):
    (tmp_path / "dbt_project").mkdir()
    monkeypatch.setenv("SLATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SLATE_PROJECT", str(tmp_path))
    scheduler.warm_dbt()


def test_a_forgotten_package_is_imported_anew(tmp_path, monkeypatch):
    package = tmp_path / "own_code"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "answer.py").write_text("ANSWER = 1")
    monkeypatch.syspath_prepend(tmp_path)
    from own_code import answer  # noqa: F401  (this is what is forgotten)

    scheduler.forget("own_code")
    assert not [name for name in sys.modules if name.startswith("own_code")]


@pytest.mark.parametrize("module", scheduler.PRELOADED)
def test_what_is_imported_beforehand_is_there(module):
    __import__(module)
