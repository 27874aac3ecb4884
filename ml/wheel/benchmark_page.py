"""What the demo's turns took, as a page of the docs."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

Turn = Mapping[str, Any]


def write_benchmark(turns: Sequence[Turn], path: Path) -> None:
    """Write the first turn, where all was made, and the last, which reused what had not changed."""
    shown = [turns[0]] if len(turns) == 1 else [turns[0], turns[-1]]
    sections = ["\n".join(_section(turn)) for turn in shown]
    text = "# Time and memory of every stage\n\nMeasured by `make demo`, written by `slate bench demo --write`.\n\n"
    path.write_text(text + "\n\n".join(sections) + "\n", encoding="utf-8")


def _section(turn: Turn) -> Iterator[str]:
    yield f"## The turn of {turn['started_at']}"
    yield ""
    yield (
        f"{turn['domain']}: {turn['wall_seconds']:.0f} s from the first command to the last report, "
        f"{len(turn['stages'])} tasks; at most {turn['peak_memory_mb']:,} MB in all processes together. "
        f"{turn['cores']} cores, {turn['machine']}, {turn['system']}, Python {turn['python']}. "
        "Tasks of one DAG overlap, two at a time."
    )
    yield ""
    yield "| DAG | stage | seconds | peak MB of all processes |"
    yield "|---|---|---:|---:|"
    for (dag, stage), group in groupby(turn["stages"], key=lambda each: (each["dag"], each["task"].split(".")[0])):
        tasks = list(group)
        name = stage if len(tasks) == 1 else f"{stage} ({len(tasks)} tasks)"
        seconds, peak = sum(task["seconds"] for task in tasks), max(task["peak_memory_mb"] for task in tasks)
        yield f"| {dag} | {name} | {seconds:.1f} | {peak:,} |"
