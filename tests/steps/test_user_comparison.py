"""The recurrent retriever with and without users on the planted shop."""

import json

import numpy as np
import pandas as pd
import pytest
import shop

from ml.artifacts import write_json
from ml.cli import main
from ml.settings import settings
from ml.steps.user_comparison import bench_users
from ml.steps.workbench import open_workbench

PLANTED = {"embedding_size": 8, "hidden_size": 8, "minimum_count": 1, "epochs": 2, "batch_size": 128}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SLATE_PROJECT", str(tmp_path / "project"))
    features = shop.make_features(tmp_path / "home" / "artifacts" / "features" / "current")
    write_json(settings().domain_path("current", "retail") / "features.json", {"path": str(features)})
    tuned = tmp_path / "project" / "configs" / "training" / "planted.yaml"
    tuned.parent.mkdir(parents=True)
    tuned.write_text(json.dumps({"models": {"hrnn": PLANTED}}))
    return features


def test_each_use_of_users_has_a_row_a_segment_beside_none(home, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["bench", "users", "--json"])
    assert ended.value.code == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {row["segment"] for row in rows} == {"all", "discoveries", "repeats", "basket_completion"}
    assert [row["user"] for row in rows if row["segment"] == "all"] == ["none", "init", "all"]
    for row in rows:
        assert row["cases"] > 0
        assert 0 <= row["ndcg@10"]["low"] <= row["ndcg@10"]["mean"] <= row["ndcg@10"]["high"] <= 1
        assert row["train_cpu_seconds"] > 0
        if row["user"] == "none":
            assert set(row["less_none"].values()) == {0.0}
        else:
            alone = next(each for each in rows if each["segment"] == row["segment"] and each["user"] == "none")
            expected = row["ndcg@10"]["mean"] - alone["ndcg@10"]["mean"]
            assert row["less_none"]["mean"] == pytest.approx(expected)


def test_the_table_names_every_row(home, capsys):
    with pytest.raises(SystemExit):
        main(["bench", "users"])
    shown = capsys.readouterr().out
    assert shown.count("basket_completion") == 3
    assert "less none" in shown


def test_the_order_of_a_baskets_lines_changes_no_metric(home):
    """But for the halves that basket completion hides, which are drawn from the lines."""

    def metrics() -> list[dict]:
        open_workbench.cache_clear()  # the same folder holds other events
        rows = bench_users("retail")["rows"]
        return [row | {"train_cpu_seconds": 0} for row in rows if row["segment"] != "basket_completion"]

    before = metrics()
    events = pd.read_parquet(home / "events.parquet")
    turned = events.assign(session_position=np.random.default_rng(0).permutation(len(events)))
    turned.to_parquet(home / "events.parquet")
    assert metrics() == before
    assert before[0]["ndcg@10"]["mean"] > 0
