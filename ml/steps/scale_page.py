"""What each stage of the scale benchmark took, as a page of the docs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def write_scale(document: Mapping[str, Any], path: Path) -> None:
    """Write what `bench_scale` returned as Markdown."""
    path.write_text("\n".join(_page(document)) + "\n", encoding="utf-8")


def _page(document: Mapping[str, Any]) -> Iterator[str]:
    stages = document["stages"]
    minutes = sum(stage["cpu_seconds"] for stage in stages) / 60
    yield f"# {document['customers']:,} generated customers"
    yield ""
    yield (
        f"Written by `slate bench scale --domain {document['domain']} --customers {document['customers']} --seed "
        f"{document['seed']} --write`: each stage is a command in a process of its own."
    )
    yield ""
    yield (
        f"{document['history_rows']:,} rows of history. {document['cores']} cores, {document['memory_mb']:,} MB of "
        f"memory. {minutes:.0f} minutes of CPU in all; at most "
        f"{max(stage['peak_memory_mb'] for stage in stages):,} MB. Seconds on the clock depend on what else the "
        "machine does meanwhile, those of CPU hardly."
    )
    yield ""
    yield "| stage | rows | seconds | CPU seconds | peak MB | customers a CPU second |"
    yield "|---|---:|---:|---:|---:|---:|"
    for stage in stages:
        yield (
            f"| {stage['stage']} | {stage['rows']:,} | {stage['wall_seconds']:,.0f} | {stage['cpu_seconds']:,.0f} | "
            f"{stage['peak_memory_mb']:,} | {stage['users_per_second']:,} |"
        )
    landing = next(stage for stage in stages if stage["stage"] == "land")
    verdict = "within" if landing["peak_memory_mb"] < document["landing_limit_mb"] else "above"
    yield ""
    yield (
        f"Landing took {landing['peak_memory_mb']:,} MB, {verdict} its limit of {document['landing_limit_mb']:,} MB "
        "for files of any size."
    )
