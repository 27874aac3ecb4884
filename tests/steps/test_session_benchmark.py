import json

import numpy as np
import pandas as pd
import pytest

from ml.cli import main
from ml.steps.cost import measured


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Sessions that walk around a ring of 30 items, and cases that go on from there."""
    monkeypatch.setenv("SLATE_HOME", str(tmp_path / "home"))
    walks = pd.DataFrame([(s, p, (s * 7 + p) % 30) for s in range(60) for p in range(4)])
    walks.columns = ["session_id", "position", "item_id"]
    asked = pd.DataFrame([{"case_id": n, "prefix": [n % 30], "target": (n + 1) % 30} for n in range(40)])
    walks.to_parquet(tmp_path / "train.parquet")
    asked.to_parquet(tmp_path / "test.parquet")
    (tmp_path / "config.yaml").write_text(
        "models: {knn: {model: session_knn}, markov: {model: rules, parameters: {kind: markov}}}"
    )
    return tmp_path


def run(folder, *more, train="train.parquet") -> int:
    paths = ("--train", folder / train, "--test", folder / "test.parquet", "--config", folder / "config.yaml", *more)
    with pytest.raises(SystemExit) as ended:
        main(["bench", "sessions", *map(str, paths)])
    return ended.value.code


def test_one_json_document_with_a_row_a_model(files, capsys):
    assert run(files, "--json") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["model"] for row in rows] == ["knn", "markov"]
    for row in rows:
        assert {"train_seconds", "predictions_per_second", "peak_memory_mb"} <= set(row)
        assert row["metrics"]["p@20"].keys() == {"mean", "low", "high"}
    assert rows[1]["metrics"]["mrr@20"] == {"mean": 1.0, "low": 1.0, "high": 1.0}


WHOLE = """
models:
  knn: {model: session_knn}
  markov: {model: rules, parameters: {kind: markov}}
  hrnn: {model: hrnn, parameters: {embedding_size: 8, hidden_size: 8, batch_size: 16, negatives: 16, epochs: 2}}
recommender: {quota: 10, candidates: 20, ranker: {rounds: 10, minimum_child_weight: 0.1}}
"""


def test_the_recommender_is_the_last_row_and_a_network_is_learned_once(files, capsys):
    (files / "config.yaml").write_text(WHOLE)
    documents = []
    for _ in range(2):
        assert run(files, "--json") == 0
        documents.append({row["model"]: row for row in json.loads(capsys.readouterr().out)["rows"]})
    first, again = documents
    assert list(first) == ["knn", "markov", "hrnn", "recommender"]
    assert first["recommender"]["metrics"]["p@5"]["mean"] > 0.9
    assert "versus_recommender" not in first["recommender"]
    for name in ("knn", "markov", "hrnn"):
        assert first[name]["versus_recommender"]["p@5"]["difference"] == pytest.approx(
            first[name]["metrics"]["p@5"]["mean"] - first["recommender"]["metrics"]["p@5"]["mean"]
        )
    assert first["recommender"]["train_seconds"] > first["hrnn"]["train_seconds"] > 0
    assert again["hrnn"]["train_seconds"] == first["hrnn"]["train_seconds"]  # found again, with what it took
    assert again["recommender"]["metrics"] == first["recommender"]["metrics"]


def test_people_get_a_table(files, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "240")
    assert run(files) == 0
    shown = capsys.readouterr().out
    assert "mrr@20" in shown
    assert "100.00" in shown


def test_bad_input_ends_with_two_and_says_what_to_do(files, capsys):
    pd.DataFrame({"session_id": [1, 1], "position": [0, 1]}).to_parquet(files / "bad.parquet")
    assert run(files, train="bad.parquet") == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "bad.parquet" in shown.err
    assert "item_id" in shown.err


def test_a_shop_with_a_single_item_has_one_answer(files, capsys):
    pd.DataFrame({"session_id": [1, 1, 2, 2], "position": [0, 1, 0, 1], "item_id": "only"}).to_parquet(
        files / "train.parquet"
    )
    pd.DataFrame({"case_id": [0], "prefix": [["only"]], "target": ["only"]}).to_parquet(files / "test.parquet")
    assert run(files, "--json") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["metrics"]["p@5"]["mean"] for row in rows] == [1.0, 1.0]


def test_costs_are_measured():
    with measured() as cost:
        held = np.ones(5_000_000)
        held.sum()
    assert cost.seconds > 0
    assert cost.peak_memory_mb > 1
