"""Runs in MLflow: nested, idempotent, and written by several processes at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from ml.artifacts import write_json
from ml.tracking import runs
from ml.tracking.store import client, tracking_uri


@pytest.fixture(scope="module")
def parent() -> str:
    return runs.open_training("retail", "key1", {"seed": 7, "two_tower": {"epochs": 2}}, {"models": "als"})


def test_a_key_has_one_parent_run(parent):
    assert runs.open_training("retail", "key1", {"seed": 8, "new": 1}, {}) == parent
    assert runs.open_training("retail", "key2", {}, {}) != parent
    found = client().get_run(parent)
    assert found.data.params == {"seed": "7", "two_tower.epochs": "2", "new": "1"}  # what is logged stays
    assert found.data.tags["models"] == "als"
    assert len(found.data.tags["slate.code"]) == 16


def test_the_data_is_shown_on_the_run(tmp_path):
    write_json(
        tmp_path / "manifest.json", {"domain": "retail", "key": "f1", "as_of": "2018-01-01", "counts": {"users": 3}}
    )
    run = runs.open_training("retail", "key3", {}, {}, data=tmp_path)
    runs.open_training("retail", "key3", {}, {}, data=tmp_path)
    (shown,) = client().get_run(run).inputs.dataset_inputs
    assert shown.dataset.digest == "f1"
    assert '"users": 3' in shown.dataset.profile


def test_a_model_is_one_child_with_all_that_is_known_of_it(parent, tmp_path):
    plot = tmp_path / "loss.svg"
    plot.write_text("<svg/>")
    details = {"curves": {"loss": [3.0, 2.0, 1.5]}, "files": [plot], "tags": {"kind": "retriever"}}
    first = runs.log_model(parent, "als", {"size": 64}, {"ndcg@10": 0.25}, **details)
    assert runs.log_model(parent, "als", {"size": 64}, {"ndcg@10": 0.25}, **details) == first
    found = client().get_run(first)
    assert found.data.tags["mlflow.parentRunId"] == parent
    assert found.data.metrics == {"ndcg_at_10": 0.25, "loss": 1.5}
    assert [point.value for point in client().get_metric_history(first, "loss")] == [3.0, 2.0, 1.5]
    assert [file.path for file in client().list_artifacts(first)] == ["loss.svg"]
    assert found.info.status == "FINISHED"


def test_more_is_logged_than_fits_one_batch(parent):
    many = {f"p{n}": n for n in range(250)}
    run = runs.log_model(parent, "large", many, {}, curves={"loss": [1.0] * 1500})
    assert len(client().get_run(run).data.params) == 250
    assert len(client().get_metric_history(run, "loss")) == 1500


def test_closing_says_how_it_ended(parent):
    runs.close_training(parent, failed=True)
    assert client().get_run(parent).info.status == "FAILED"
    runs.open_training("retail", "key1", {}, {})
    assert client().get_run(parent).info.status == "RUNNING"
    runs.close_training(parent)
    assert client().get_run(parent).info.status == "FINISHED"


def test_nothing_is_set_for_the_whole_process(parent, home):
    import mlflow

    assert mlflow.get_tracking_uri() != tracking_uri()
    assert not Path("mlflow.db").exists()
    assert (home / "mlflow" / "mlflow.db").exists()


SCRIPT = """
import sys
from ml.tracking import runs
parent = runs.open_training("retail", "shared", {"seed": 1}, {})
for n in range(8):
    runs.log_model(parent, f"{sys.argv[1]}{n}", {"n": n}, {"recall@10": n}, curves={"loss": [1.0] * 200})
    runs.log_model(parent, f"both{n}", {"n": n}, {"recall@10": n})
print(parent)
"""


def test_two_processes_log_to_one_training_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))  # they also race to make the store
    started = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for name in "ab"
    ]
    ended = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0], ended
    (parent,) = {out.strip() for out, _ in ended}
    owner = client().get_run(parent).info.experiment_id
    children = client().search_runs([owner], f"tags.`mlflow.parentRunId` = '{parent}'")
    assert sorted(run.data.tags["slate.model"] for run in children) == sorted(
        f"{name}{n}" for name in ("a", "b", "both") for n in range(8)
    )
    assert all(run.info.status == "FINISHED" for run in children)
