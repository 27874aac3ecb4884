"""Landing is measured in a process of its own, and leaves nothing behind."""

from pathlib import Path

import pytest

from ml.domains import DOMAINS, get_domain
from ml.errors import BadInput, RunFailed
from ml.steps import landing_benchmark
from ml.steps.landing_benchmark import bench_landing


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    monkeypatch.setattr(landing_benchmark, "SAMPLE", 40)
    changed = {"loader": "santander", "generator": "santander"}
    monkeypatch.setitem(DOMAINS, "retail", get_domain("retail").model_copy(update=changed))
    return tmp_path


def test_time_and_memory_of_a_landing(home: Path) -> None:
    measured = bench_landing("retail", rows=1_000)
    assert 700 < measured["rows"]["train_ver2.csv"] < 1_400
    assert measured["wall_seconds"] > 0 < measured["cpu_seconds"]
    assert 50 < measured["peak_memory_mb"] < measured["memory_limit_mb"] == 3_000
    assert measured["share_of_limit"] == pytest.approx(measured["peak_memory_mb"] / 3_000, abs=0.001)
    assert list(home.iterdir()) == []


def test_a_landing_that_fails_is_no_measurement(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = get_domain("retail").model_copy(update={"loader": "nowhere"})
    monkeypatch.setitem(DOMAINS, "retail", broken)
    with pytest.raises(RunFailed, match=r"slate land --domain retail --source nowhere .* ended with 2"):
        bench_landing("retail", rows=100)
    assert list(home.iterdir()) == []


def test_without_a_generator_there_is_nothing_to_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DOMAINS, "retail", get_domain("retail").model_copy(update={"generator": None}))
    with pytest.raises(BadInput, match="retail has no generator"):
        bench_landing("retail", rows=100)
