import json

import numpy as np
import pandas as pd
import pytest
from planted_sessions import rings

from ml.cli import main, output

CONFIG = """
models:
  h:
    model: hrnn
    parameters: {embedding_size: 16, hidden_size: 16, batch_size: 32, epochs: 6, learning_rate: 0.02, dropout: 0}
"""


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "warm-start", *map(str, arguments)])
    return ended.value.code


@pytest.fixture
def files(tmp_path):
    """Sessions around three rings of items; a fourth ring opens in the latest days."""
    old, now = rings(1800, 3, 7), rings(500, 4, 7, seed=1)
    session = np.r_[old.clicks.rows, now.clicks.rows + len(old)]
    item = np.r_[old.clicks.values, now.clicks.values]
    clicks = pd.DataFrame({"session_id": session, "item_id": item, "position": np.arange(len(item))})
    clicks.to_parquet(tmp_path / "train.parquet")
    (tmp_path / "config.yaml").write_text(CONFIG)
    return "--train", tmp_path / "train.parquet", "--config", tmp_path / "config.yaml"


def test_a_warm_start_learns_the_new_items_and_keeps_the_old_ones(files, capsys):
    assert run(*files, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["items"], found["new_items"]) == (28, 7)
    champion, warm, full = found["rows"]
    assert [row["model"] for row in found["rows"]] == ["champion", "warm start", "from nothing"]
    assert full["less_full"]["p@20"] == {"difference": 0, "low": 0, "high": 0}
    assert warm["mrr@20"]["mean"] > champion["mrr@20"]["mean"] + 0.05
    assert warm["new_items_p@20"] > champion["new_items_p@20"]
    assert 0 < warm["train_cpu_seconds"] < full["train_cpu_seconds"]
    (table,) = output.warm_starts(found)
    assert "7 of 28 items are new" in table.title


def test_a_parameter_file_without_the_model_is_refused(files, tmp_path, capsys):
    (tmp_path / "config.yaml").write_text("models: {knn: {model: session_knn}}")
    assert run(*files) == 2
    assert "names no model hrnn" in capsys.readouterr().err
