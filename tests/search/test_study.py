import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from ml.domains.domain import Frozen
from ml.search import Trial, run_study, searched_parameters
from ml.search.space import distributions
from ml.search.study import best
from ml.searched import Searched, SearchedAmong

KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_study import Shape, height
from ml.search import run_study

def until_killed(parameters):
    if parameters != {default} and len(seen) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    seen.append(parameters)
    return height(parameters)

seen = []
run_study(Path({storage!r}), "shape", Shape, until_killed, trials=9, seed=3)
"""


class Shape(Frozen):
    width: Annotated[float, Searched(0.1, 10.0, log=True)] = Field(1.0, gt=0)
    sides: Annotated[int, Searched(3, 9)] = Field(4, ge=3)
    colour: Annotated[str, SearchedAmong(("red", "blue"))] = "red"
    fixed: int = 3


def height(parameters):
    return -abs(math.log(parameters["width"] / 3)) - abs(parameters["sides"] - 6) + (parameters["colour"] == "blue")


def test_only_what_says_so_is_searched_within_what_it_says():
    assert searched_parameters(Shape) == ("width", "sides", "colour")
    found = distributions(Shape)
    assert (found["width"].low, found["width"].high, found["width"].log) == (0.1, 10.0, True)
    assert (found["sides"].low, found["sides"].high) == (3, 9)
    assert found["colour"].choices == ("red", "blue")


def test_the_default_is_tried_first_and_the_best_is_no_worse(tmp_path):
    trials = run_study(tmp_path / "studies.db", "shape", Shape, height, trials=25, seed=3)
    assert trials[0].parameters == {"width": 1.0, "sides": 4, "colour": "red"}
    assert len(trials) == 25
    assert best(trials).value > trials[0].value + 1


def test_more_trials_go_on_with_the_study_and_repeat_nothing(tmp_path):
    asked = []

    def counted(parameters):
        asked.append(parameters)
        return height(parameters)

    first = run_study(tmp_path / "studies.db", "shape", Shape, counted, trials=4, seed=3)
    told = []
    both = run_study(tmp_path / "studies.db", "shape", Shape, counted, trials=9, seed=3, finished=told.append)
    assert both[:4] == first
    assert told == both
    assert len(asked) == 9
    assert run_study(tmp_path / "studies.db", "shape", Shape, counted, trials=4, seed=3) == first
    assert len(asked) == 9


def test_a_killed_study_ends_as_one_that_nobody_killed(tmp_path):
    whole = run_study(tmp_path / "whole.db", "shape", Shape, height, trials=9, seed=3)
    program = KILLED.format(
        tests=str(Path(__file__).parent), storage=str(tmp_path / "killed.db"), default=whole[0].parameters
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert run_study(tmp_path / "killed.db", "shape", Shape, height, trials=9, seed=3) == whole


def test_an_objective_that_fails_ends_the_search_and_is_tried_again(tmp_path):
    def failing(parameters):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run_study(tmp_path / "studies.db", "shape", Shape, failing, trials=3, seed=3)
    trials = run_study(tmp_path / "studies.db", "shape", Shape, height, trials=1, seed=3)
    assert trials[0].parameters == {"width": 1.0, "sides": 4, "colour": "red"}


def test_equals_keep_the_earlier():
    assert best([Trial(0, {}, 1.0), Trial(1, {"width": 2.0}, 1.0)]).number == 0
