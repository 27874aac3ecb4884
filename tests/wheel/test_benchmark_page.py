"""The page of the docs says what the turns took, dbt's tasks together."""

from pathlib import Path

from ml.wheel.benchmark_page import write_benchmark


def turn(started: str, *stages: tuple[str, str, float, int]) -> dict:
    names = ("dag", "task", "seconds", "peak_memory_mb")
    return {
        "domain": "retail", "started_at": started, "wall_seconds": 61.4, "peak_memory_mb": 2100, "cores": 2,
        "machine": "x86_64", "system": "Linux 6", "python": "3.11.2",
        "stages": [dict(zip(names, stage, strict=True)) for stage in stages],
    }  # fmt: skip


def test_the_first_and_the_last_turn_are_shown_and_dbt_is_one_line(tmp_path: Path) -> None:
    first = turn(
        "day 1", ("f", "land", 2.0, 900), ("f", "dbt.events.run", 1.5, 1000), ("f", "dbt.events.test", 2.5, 800)
    )
    path = tmp_path / "benchmark.md"
    write_benchmark([first, turn("day 2"), turn("day 3", ("f", "land", 0.1, 100))], path)
    text = path.read_text(encoding="utf-8")
    assert "| f | dbt (2 tasks) | 4.0 | 1,000 |" in text
    assert "| f | land | 2.0 | 900 |" in text
    assert "day 1" in text
    assert "day 3" in text
    assert "day 2" not in text


def test_one_turn_is_shown_once(tmp_path: Path) -> None:
    write_benchmark([turn("day 1")], tmp_path / "benchmark.md")
    assert (tmp_path / "benchmark.md").read_text(encoding="utf-8").count("day 1") == 1
