"""A training as of another day makes its features by itself, and the wheel goes on from where it was."""

from pathlib import Path

import pytest
import shop
import turn

from ml import steps
from ml.artifacts import manifest, read_json, write_json
from ml.domains import DOMAINS
from ml.settings import settings


@pytest.mark.slow
def test_a_training_as_of_another_day_moves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    monkeypatch.setitem(DOMAINS, "retail", turn.small_domain())
    turn.land()
    pointer = {"path": str(shop.make_features(tmp_path / "artifacts" / "features" / "current"))}
    write_json(tmp_path / "current" / "retail" / "features.json", pointer)
    steps.train("retail", "popularity", {"models": ["popularity"], "as_of": "2017-12-11"})
    learnt_from = Path(steps.last_training("retail")["features"])
    assert manifest(learnt_from)["as_of"] == "2017-12-11T05:00:00Z"
    assert read_json(tmp_path / "current" / "retail" / "features.json") == pointer
    assert not settings().warehouse("retail").exists()
    assert not [*(tmp_path / "warehouse").rglob("*.duckdb")], "what is published is not kept twice"
    written = learnt_from.stat().st_mtime_ns
    assert steps.features_as_of("retail", "2017-12-11") == str(learnt_from)
    assert learnt_from.stat().st_mtime_ns == written
