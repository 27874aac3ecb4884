"""What a training learns from, and which days it may name."""

from datetime import timedelta

import pytest
import shop
import turn

from ml import steps
from ml.artifacts import write_json
from ml.cli import main
from ml.errors import BadInput, RunFailed
from ml.steps.training_features import find_features

WEEK = timedelta(weeks=1)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def published(home):
    """Features of three weeks in a row, of which the second are current."""
    rooms = [home / "artifacts" / "features" / str(week) for week in range(3)]
    for week, room in enumerate(rooms):
        shop.make_features(room, shop.AS_OF + week * WEEK)
    write_json(home / "current" / "retail" / "features.json", {"path": str(rooms[1])})
    return rooms


def test_without_a_day_the_current_features_are_taken(published):
    assert steps.features_as_of("retail") == str(published[1])


@pytest.mark.parametrize(
    ("as_of", "week"), [("2018-01-01", 0), ("2018-01-08", 1), ("2018-01-15", 2), ("2018-01-15T05:00:00Z", 2)]
)
def test_the_features_of_a_day_are_found(published, as_of, week):
    assert steps.features_as_of("retail", as_of) == str(published[week])


def test_features_of_another_instant_are_not(published):
    assert find_features("retail", "2018-01-15T06:00:00Z") is None
    with pytest.raises(RunFailed, match=r"slate features --domain retail --as-of 2018-01-02 --keep-current"):
        steps.start_training("retail", {"as_of": "2018-01-02"})


def test_a_day_with_too_little_before_it_is_refused_with_the_first_that_has_enough(home):
    turn.land()
    with pytest.raises(BadInput, match=r"as_of: 2017-11-14 leaves too little.* 42 days.*choose 2017-11-2\d or later"):
        steps.features_as_of("retail", "2017-11-14")


def test_a_day_after_the_data_is_refused_with_the_last(home):
    turn.land()
    with pytest.raises(BadInput, match=r"as_of: 2018-01-02 lies after .*choose 2018-01-01 or earlier"):
        steps.features_as_of("retail", "2018-01-02")


def test_features_that_were_published_too_early_are_refused_alike(published, home):
    early = shop.make_features(home / "artifacts" / "features" / "early", shop.AS_OF - 7 * WEEK)
    assert steps.features_as_of("retail", "2017-11-13") == str(early)
    with pytest.raises(BadInput, match="as_of: 2017-11-13 leaves too little"):
        steps.start_training("retail", {"as_of": "2017-11-13"})


@pytest.mark.parametrize("command", [("train",), ("features", "--keep-current")])
def test_the_commands_end_with_two(command, capsys):
    turn.land()
    with pytest.raises(SystemExit) as ended:
        main([*command, "--as-of", "2017-11-14"])
    assert ended.value.code == 2
    assert "as_of: 2017-11-14" in " ".join(capsys.readouterr().err.split())
