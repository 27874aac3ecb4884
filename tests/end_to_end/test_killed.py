"""Every step is killed in its middle, while a champion serves: nothing breaks, and in the end nothing differs."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import turn

from ml import steps
from ml.artifacts import BESIDE, read_json
from ml.domains import DOMAINS
from ml.features.warehouse import completed
from ml.tracking import registry

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")]
SCRIPT = Path(turn.__file__)
# By step: the function after whose work it is killed, and the room whose artifact is half made then.
MIDDLE = {
    "features": ("ml.features.warehouse:export", "features"),
    "retrievers": ("ml.retrieval.two_tower:TwoTower.save", "retriever/two_tower"),
    "ranker": ("ml.ranking.lambdamart:LambdaMart.save", "ranker"),
    "evaluate": ("ml.evaluation.evaluation:Evaluation.save", "evaluation"),
    "publish": ("ml.bundle.seal:_index", "bundle"),
}


@contextmanager
def process(home: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A turn, or a step of it, in a process of its own, which is killed in the end."""
    # Threads that wait without spinning leave the cores to the process beside them.
    own = {"SLATE_HOME": str(home), "PYTHONPATH": str(SCRIPT.parents[2]), "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, str(SCRIPT), *arguments]
    with (
        (home / "process.log").open("ab") as log,
        subprocess.Popen(command, env=os.environ | own, stdout=subprocess.PIPE, stderr=log) as running,
    ):
        try:
            yield running
        finally:
            running.kill()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the steps are killed."""
    folder = tmp_path_factory.mktemp("killed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", str(folder))
        patch.setitem(DOMAINS, "retail", turn.small_domain())
        yield folder


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], dict[str, Any]]]:
    """The same turn elsewhere, which nobody kills: it runs beside this one. Waits for its end and tells its outcome."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with process(folder, "turn") as running:

        def outcome() -> dict[str, Any]:
            assert running.wait(timeout=400) == 0, (folder / "process.log").read_text()
            return read_json(folder / "outcome.json")

        yield outcome


def test_killed_steps_leave_the_champion_and_run_again_to_the_same_end(
    home: Path, undisturbed: Callable[[], dict[str, Any]]
) -> None:
    turn.crown()
    turn.land()
    with champion_stands():
        kill_dbt(home)
        turn.build()
        for step in turn.TURN[turn.TURN.index(turn.features) : turn.TURN.index(turn.promote)]:
            if step.__name__ in MIDDLE:
                kill_midway(home, step.__name__)
            step()
        kill(home, "promote", "ml.tracking.registry:write_json")  # the intention is written, the alias not moved
    challenger = registry.version_at("retail", "challenger")
    kill(home, "promote", "ml.tracking.registry:_point")  # the alias is moved, the move not recorded
    assert steps.recommend("retail", turn.USER, 5)["model_version"] == challenger.number
    with champion_stands():
        turn.promote()
    assert [move.version for move in registry.moves("retail")] == [1, challenger.number]
    assert {move.by for move in registry.moves("retail")} == {"gate"}
    assert list((home / "artifacts").rglob(BESIDE)) == []
    assert_same(turn.outcome(), undisturbed())


@contextmanager
def champion_stands() -> Iterator[None]:
    """Before and after, the same version gives the same slate, from a bundle of which every file is whole."""
    before = steps.recommend("retail", turn.USER, 5)
    yield
    assert steps.recommend("retail", turn.USER, 5) == before


def kill(home: Path, step: str, where: str) -> None:
    with process(home, step, where) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"here\n", (home / "process.log").read_text()


def kill_midway(home: Path, step: str) -> None:
    where, kind = MIDDLE[step]
    room = home / "artifacts" / kind
    with champion_stands():
        whole = {path.name for path in room.glob("[!.]*")}
        kill(home, step, where)
        assert {path.name for path in room.glob("[!.]*")} == whole, f"{step} was done already"
        (half,) = room.glob(BESIDE)
        assert any(half.iterdir())


def kill_dbt(home: Path) -> None:
    """Kill dbt when its own log says that it has come to the features."""
    log = home / "dbt" / "retail" / "logs" / "dbt.log"
    with process(home, "build") as running:
        deadline = time.monotonic() + 200
        while not (log.exists() and "main.user_features" in log.read_text()):
            assert running.poll() is None, (home / "process.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert completed("retail") == []


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """The same metrics to the last digit, and files with the same bytes; the figures first, for they say more."""
    for part in expected:
        assert json.loads(json.dumps(found[part])) == expected[part], part
    assert len(expected["seals"]) == 2
    assert expected["metrics"]["ranker"]["validation_ndcg@10"] > 0
