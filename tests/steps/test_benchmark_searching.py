"""Searches on planted sessions and baskets, logged in a real MLflow store."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from planted_baskets import planted

from ml import steps
from ml.cli import main
from ml.errors import BadInput
from ml.sessions.loading import load_past
from ml.sessions.recommender import RecommenderParameters
from ml.steps import session_trials
from ml.tracking.store import client

SESSIONS = """# Of a shop whose taste has changed.
models:
  popular: {model: popularity}  # everybody's
  faded: {model: popularity, parameters: {half_life: 9}}
  markov: {model: rules, parameters: {kind: markov, last: 2}}
"""
BASKETS = """
models:
  blend: {model: personal_blend, parameters: {half_life_days: 2}}
  tifu: {model: tifu_knn, parameters: {own_share: 0.05}}
"""
KILLED = """
import os, signal, sys
from pathlib import Path
from ml import steps
from ml.steps import session_trials

fitted, asked = session_trials.fitted, []

def until_killed(*arguments):
    asked.append(arguments)
    if len(asked) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return fitted(*arguments)

session_trials.fitted = until_killed
steps.search_sessions("popular", Path({train!r}), {config!r}, trials=4, seed=8)
"""


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """Sessions that first take items 0 to 2, and for the later half 3 to 5; baskets around a ring."""
    folder = tmp_path_factory.mktemp("searched")
    clicks = [(s, p, p + 3 * (s >= 50)) for s in range(100) for p in range(3)]
    pd.DataFrame(clicks, columns=["session_id", "position", "item_id"]).to_parquet(folder / "train.parquet")
    planted()[0].to_parquet(folder / "history.parquet")
    (folder / "sessions.yaml").write_text(SESSIONS)
    (folder / "baskets.yaml").write_text(BASKETS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", str(folder / "home"))
        patch.setenv("SLATE_THREADS", "1")
        yield folder


def search(folder, model="popular", config="sessions.yaml", train="train.parquet", **options):
    return steps.search_sessions(model, folder / train, str(folder / config), **{"trials": 4, **options})


def test_the_first_trial_is_the_files_and_a_child_run_shows_each_trial(folder):
    found = search(folder)
    assert found["first"]["parameters"] == {"half_life": 0}
    assert found["first"]["value"] == pytest.approx((1 / 5 + 1 / 6) / 2, abs=0.05)  # behind the old items
    assert found["best"]["value"] > found["first"]["value"]
    assert "path" not in found
    parent = client().get_run(found["run"])
    assert client().get_experiment(parent.info.experiment_id).name == "sessions"
    assert (parent.info.run_name, parent.info.status) == ("search popular", "FINISHED")
    children = client().search_runs(
        [parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{found['run']}'", order_by=["start_time ASC"]
    )
    assert [run.info.run_name for run in children] == [f"popular trial {number}" for number in range(4)]
    assert max(run.data.metrics["mrr_at_20"] for run in children) == found["best"]["value"]


def test_what_is_finished_prepares_nothing_and_reads_the_training_file_alone(folder, monkeypatch):
    found, read, reader = search(folder), [], pd.read_parquet

    def reading(path, *arguments, **options):
        read.append(Path(path).name)
        return reader(path, *arguments, **options)

    monkeypatch.setattr(pd, "read_parquet", reading)
    monkeypatch.delattr(session_trials, "fitted")
    monkeypatch.delattr(session_trials, "validation_cases")
    assert search(folder) == found
    assert read == ["train.parquet"]


def test_a_search_that_was_killed_ends_as_one_that_nobody_killed(folder, monkeypatch):
    program = KILLED.format(train=str(folder / "train.parquet"), config=str(folder / "sessions.yaml"))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    asked, fitted = [], session_trials.fitted
    monkeypatch.setattr(session_trials, "fitted", lambda *arguments: asked.append(arguments) or fitted(*arguments))
    resumed = search(folder, seed=8)
    assert len(asked) == 2  # of four: two had been finished
    (folder / "home" / "studies" / "sessions" / "studies.db").unlink()
    assert search(folder, seed=8) == resumed
    assert len(asked) == 2 + 4


def test_cases_are_of_the_tail_that_the_second_stage_cuts_and_no_more_than_wanted(folder):
    past, split = load_past(folder / "train.parquet"), RecommenderParameters()
    head, cases = session_trials.validation_cases(past, split, longest=50, seed=7, most=session_trials.CASES)
    older, tail = split.split(past)
    assert head.digest() == older.digest()
    assert len(cases) == 2 * len(tail)
    drawn = [session_trials.validation_cases(past, split, longest=50, seed=seed, most=5)[1] for seed in (7, 7, 8)]
    assert [len(each) for each in drawn] == [5, 5, 5]
    assert drawn[0].session.tolist() == drawn[1].session.tolist() != drawn[2].session.tolist()


def test_what_is_kept_changes_its_model_alone_and_is_where_the_next_search_begins(folder):
    path = folder / "kept.yaml"
    path.write_text(SESSIONS)
    found = search(folder, config="kept.yaml", keep=True)
    half_life = found["best"]["parameters"]["half_life"]
    assert found["path"] == str(path)
    changed = f"popular: {{model: popularity, parameters: {{half_life: {half_life!r}}}}}"
    assert path.read_text() == SESSIONS.replace("popular: {model: popularity}", changed)
    again = search(folder, config="kept.yaml", trials=1, keep=True)
    assert again["first"] == again["best"] == found["best"]
    assert "path" not in again


def test_a_tie_keeps_the_file_as_it_is(folder):
    pd.DataFrame({"session_id": [1, 1, 2, 2], "position": [0, 1, 0, 1], "item_id": "only"}).to_parquet(
        folder / "one.parquet"
    )
    found = search(folder, train="one.parquet", keep=True, trials=3)
    assert found["best"] == found["first"]
    assert found["first"]["value"] == 1
    assert "path" not in found
    assert (folder / "sessions.yaml").read_text() == SESSIONS


def test_baskets_are_searched_within_ranges_of_their_own(folder, capsys):
    found = steps.search_baskets("tifu", folder / "history.parquet", str(folder / "baskets.yaml"), trials=3)
    assert found["first"]["parameters"]["own_share"] == 0.05
    assert found["best"]["value"] >= found["first"]["value"] > 0
    options = ["--history", str(folder / "history.parquet"), "--config", str(folder / "baskets.yaml"), "--trials", "3"]
    with pytest.raises(SystemExit) as ended:
        main(["search-baskets", "tifu", *options, "--json"])
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out) == found
    run = client().get_run(found["run"])
    assert client().get_experiment(run.info.experiment_id).name == "baskets"


def test_a_history_without_a_second_basket_is_refused_and_its_run_shown_as_failed(folder):
    pd.DataFrame({"user_id": np.arange(5), "basket": 0, "item_id": 1}).to_parquet(folder / "once.parquet")
    with pytest.raises(BadInput, match=r"two baskets.*hand in more"):
        steps.search_baskets("blend", folder / "once.parquet", str(folder / "baskets.yaml"), trials=1)
    owner = client().get_experiment_by_name("baskets").experiment_id
    [run] = client().search_runs([owner], "attributes.run_name = 'search blend'")
    assert run.info.status == "FAILED"


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("crystal_ball", {}, "no model 'crystal_ball': name one of popular, faded, markov"),
        ("popular", {"trials": 0}, "at least one trial"),
        ("popular", {"objective": "clicks"}, "choose from mrr@20, p@20"),
        (
            "faded",
            {},
            r"sessions.yaml, models.faded.parameters.half_life: 9 is not searched, only 0.02 to below 4, or 0",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused(folder, model, options, message):
    with pytest.raises(BadInput, match=message):
        search(folder, model, **options)


def test_a_model_that_says_nothing_of_a_search_is_refused(folder, monkeypatch):
    monkeypatch.setattr("ml.search.space._range", lambda field: None)
    with pytest.raises(BadInput, match="choose another model"):
        search(folder)
