"""The stages of a scale benchmark run one after another, each once, and are told on a page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ml.cli.app import app
from ml.domains import DOMAINS, get_domain
from ml.errors import BadInput, RunFailed
from ml.steps import scale_benchmark
from ml.steps.measuring import Cost
from ml.steps.scale_benchmark import bench_scale
from ml.steps.scale_page import write_scale

CUSTOMERS = 400
DOCUMENTS = {
    "generate": {"rows": {"history.csv": 5_000, "visits.parquet": 300}},
    "land": {"tables": {"interactions": {"rows": 700}, "users": {"rows": 400}}},
    "features": {"counts": {"events": 700, "users": 400}},
    "eligibility": {"pairs": 9_600},
}
COSTS = {
    "generate": Cost(3.0, 2.0, 200),
    "land": Cost(9.0, 8.0, 700),
    "features": Cost(20.5, 40.0, 1_500),
    "eligibility": Cost(5.0, 4.0, 450),
}


class Commands:
    """Stands in for the commands; remembers what was run, and one of them may fail."""

    def __init__(self) -> None:
        self.run: list[tuple[str, ...]] = []
        self.broken: str | None = None

    def __call__(self, command: Sequence[str], home: Path) -> tuple[dict[str, Any], Cost]:
        self.run.append(tuple(command))
        if command[0] == self.broken:
            raise RunFailed(f"slate {command[0]} ended with 1")
        (home / "left behind").mkdir(parents=True, exist_ok=True)
        return DOCUMENTS[command[0]], COSTS[command[0]]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    found = Commands()
    monkeypatch.setattr(scale_benchmark, "run_measured", found)
    return found


def test_every_stage_is_measured_once_and_nothing_is_left(commands: Commands, home: Path) -> None:
    document = bench_scale("banking", CUSTOMERS)
    assert commands.run == [
        ("generate", "banking", "--customers", "400", "--seed", "7"),
        ("land", "--domain", "banking"),
        ("features", "--domain", "banking"),
        ("eligibility", "--domain", "banking"),
    ]
    assert [(stage["stage"], stage["rows"]) for stage in document["stages"]] == [
        ("generate", 5_300), ("land", 1_100), ("features", 1_100), ("eligibility", 9_600),
    ]  # fmt: skip
    features = document["stages"][2]
    assert (features["wall_seconds"], features["cpu_seconds"], features["peak_memory_mb"]) == (20.5, 40.0, 1_500)
    assert features["users_per_second"] == 10  # of CPU: 400 / 40
    assert (document["history_rows"], document["landing_limit_mb"]) == (5_000, 3_000)
    assert document["cores"] >= 1 <= document["memory_mb"]
    assert list((home / "bench").iterdir()) == []


def test_a_run_that_was_cut_off_goes_on_where_it_stood(commands: Commands) -> None:
    commands.broken = "features"
    with pytest.raises(RunFailed, match="slate features"):
        bench_scale("banking", CUSTOMERS)
    commands.broken, commands.run = None, []
    document = bench_scale("banking", CUSTOMERS)
    assert [command[0] for command in commands.run] == ["features", "eligibility"]
    assert [stage["cpu_seconds"] for stage in document["stages"]] == [2.0, 8.0, 40.0, 4.0]


def test_another_size_is_another_run(commands: Commands) -> None:
    commands.broken = "features"
    with pytest.raises(RunFailed):
        bench_scale("banking", CUSTOMERS)
    commands.broken, commands.run = None, []
    bench_scale("banking", CUSTOMERS + 1)
    assert len(commands.run) == 4


def test_without_a_generator_there_is_nothing_to_measure(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DOMAINS, "retail", get_domain("retail").model_copy(update={"generator": None}))
    with pytest.raises(BadInput, match="retail has no generator"):
        bench_scale("retail", CUSTOMERS)
    assert commands.run == []


def test_the_page_tells_every_stage_and_whether_landing_kept_its_limit(commands: Commands, tmp_path: Path) -> None:
    document, page = bench_scale("banking", CUSTOMERS), tmp_path / "scale.md"
    write_scale(document, page)
    text = page.read_text(encoding="utf-8")
    assert "| features | 1,100 | 20 | 40 | 1,500 | 10 |" in text
    assert "1 minutes of CPU in all; at most 1,500 MB" in text
    assert "Landing took 700 MB, within its limit of 3,000 MB" in text
    write_scale(document | {"landing_limit_mb": 600}, page)
    assert "above its limit of 600 MB" in page.read_text(encoding="utf-8")


def test_the_command_shows_the_stages_and_writes_the_page(commands: Commands, tmp_path: Path) -> None:
    page = tmp_path / "scale.md"
    shown = CliRunner().invoke(app, ["bench", "scale", "--customers", "400", "--write", str(page)]).output
    assert "eligibility" in shown
    assert page.read_text(encoding="utf-8").startswith("# 400 generated customers\n")
