"""What a training by hand is made of."""

import shop

from ml import steps
from ml.artifacts import write_json
from ml.settings import settings


def test_a_retriever_on_request_is_trained_beside_the_usual_ones_where_it_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    path = shop.make_features(tmp_path / "artifacts" / "features" / "planted")
    write_json(settings().domain_path("current", "retail") / "features.json", {"path": str(path)})
    done = steps.train("retail", "hrnn", {"epochs": 1, "embedding_size": 8})
    assert [model["model"] for model in done["models"]] == ["hrnn"]
    assert "hrnn" in steps.last_training("retail")["models"]
    steps.train("retail", "popularity", {})
    assert "hrnn" not in steps.last_training("retail")["models"]
