"""A user goes from landed data, warehouse, features and champion of a whole pipeline."""

from pathlib import Path

import pytest
import turn

from ml import steps
from ml.artifacts import MANIFEST, read_json
from ml.data.landing import row_counts
from ml.domains import DOMAINS
from ml.tracking import registry

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")]


def test_a_user_goes_from_everything_that_the_wheel_made(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    monkeypatch.setitem(DOMAINS, "retail", turn.small_domain())
    turn.land()
    turn.build()
    turn.features()
    steps.train("retail", "all", {"models": ["popularity"]})
    turn.publish()
    turn.promote()
    before, champion = row_counts("retail"), registry.version_at("retail", "champion")
    done = steps.erase("retail", [turn.USER], 30, at=turn.NOW)
    assert done["features"]
    assert row_counts("retail")["interactions"] == before["interactions"] - done["rows"]
    assert steps.traces_of("retail", turn.USER)["files"] == []
    features = Path(read_json(tmp_path / "current" / "retail" / "features.json")["path"])
    assert (features / MANIFEST).exists()
    after = registry.version_at("retail", "champion")
    assert after.number == done["champion"] != champion.number
    assert steps.recommend("retail", "u004", 5)
