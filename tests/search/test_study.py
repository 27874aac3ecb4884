import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from ml.domains.frozen import Frozen
from ml.search import Trial, run_study, searched_parameters
from ml.search.space import distributions, outside, searched_otherwise
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


class Fading(Frozen):
    half_life: Annotated[float, Searched(0.1, 4, log=True, never=0)] = 0.0
    sides: Annotated[int, Searched(3, 9)] = 4
    fixed: int = 3


def test_a_first_trial_that_is_handed_in_takes_the_place_of_the_default(tmp_path):
    first = {"width": 3.5, "sides": 5, "colour": "blue", "fixed": 8}
    trials = run_study(tmp_path / "studies.db", "shape", Shape, height, trials=3, seed=3, first=first)
    assert trials[0].parameters == {"width": 3.5, "sides": 5, "colour": "blue"}
    assert trials[1].parameters != trials[0].parameters


def test_never_stands_at_the_upper_end_and_is_given_back_as_itself(tmp_path):
    asked = []

    def counted(parameters):
        asked.append(parameters["half_life"])
        return 1.0 if parameters["half_life"] == 0 else -parameters["half_life"]

    trials = run_study(tmp_path / "studies.db", "fading", Fading, counted, trials=8, seed=3)
    assert asked == [trial.parameters["half_life"] for trial in trials]
    assert asked[0] == 0
    assert all(0.1 <= half_life <= 4 for half_life in asked[1:] if half_life)
    assert best(trials).parameters["half_life"] == 0


@pytest.mark.parametrize(
    ("kind", "changed", "said"),
    [
        (Shape, {"width": 11.0}, "width: 11 is not searched, only 0.1 to 10"),
        (Shape, {"colour": "green"}, "colour: green is not searched, only red, blue"),
        (Fading, {"half_life": 0.05}, "half_life: 0.05 is not searched, only 0.1 to below 4, or 0"),
        (Fading, {"half_life": 4.0}, "half_life: 4 is not searched, only 0.1 to below 4, or 0"),
        (Fading, {"half_life": 0.0, "fixed": 99}, None),
        (Shape, {}, None),
    ],
)
def test_a_value_outside_of_what_is_searched_is_named(kind, changed, said):
    assert outside(kind, kind().model_dump() | changed) == said


def test_other_ranges_leave_the_rest_as_it_is():
    other = searched_otherwise(Shape, {"fixed": Searched(1, 5), "width": Searched(0.5, 2)})
    assert searched_parameters(other) == (*searched_parameters(Shape)[:3], "fixed")
    found = distributions(other)
    assert (found["width"].low, found["width"].high, found["width"].log) == (0.5, 2, False)
    assert (found["fixed"].low, found["sides"].low) == (1, 3)
    assert other().model_dump() == Shape().model_dump()
    assert searched_otherwise(Shape, {}) is Shape


def test_equals_keep_the_earlier():
    assert best([Trial(0, {}, 1.0), Trial(1, {"width": 2.0}, 1.0)]).number == 0
