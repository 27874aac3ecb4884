import json

import numpy as np
import pandas as pd
import pytest
from planted_sessions import rings

from ml.cli import main
from ml.sessions.hrnn import HrnnParameters
from ml.sessions.hrnn.plain_loop import train_plainly
from ml.sessions.hrnn.training import train


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "hrnn", *map(str, arguments)])
    return ended.value.code


def test_every_loop_has_a_row_and_one_answer_a_latency(tmp_path, capsys):
    past = rings(300, 3, 7)
    clicks = pd.DataFrame({"session_id": past.clicks.rows, "item_id": past.clicks.values})
    clicks.assign(position=np.arange(len(clicks))).to_parquet(tmp_path / "train.parquet")
    (tmp_path / "config.yaml").write_text("models: {h: {model: hrnn, parameters: {embedding_size: 8, hidden_size: 8}}}")
    assert run("--train", tmp_path / "train.parquet", "--config", tmp_path / "config.yaml", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["loop"] for row in found["rows"]] == ["ours", "plain, sampled softmax", "plain, full softmax"]
    assert all(row["events_per_second"] > 0 for row in found["rows"])
    assert 0 < found["latency_ms"]["p50"] <= found["latency_ms"]["p95"]


def test_a_parameter_file_without_the_model_is_refused(tmp_path, capsys):
    (tmp_path / "config.yaml").write_text("models: {knn: {model: session_knn}}")
    assert run("--train", tmp_path / "train.parquet", "--config", tmp_path / "config.yaml") == 2
    assert "names no model hrnn" in capsys.readouterr().err


@pytest.mark.parametrize("loss", ["softmax", "sampled_softmax"])
def test_the_plain_loop_learns_what_ours_learns(loss):
    """The same loss after an epoch: neither loop may win by doing less."""
    parameters = HrnnParameters(loss=loss, negatives=4000, embedding_size=16, hidden_size=16, user="none", dropout=0)
    parameters = parameters.model_copy(update={"batch_size": 16, "epochs": 1, "learning_rate": 1e-4})
    past = rings(400, 3, 7)
    _, curve, _ = train(past, parameters, seed=1, threads=1)
    assert train_plainly(past, parameters, loss, seed=1, threads=1) == pytest.approx(curve[0], rel=0.05)
