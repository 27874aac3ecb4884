"""What `slate bench soak` saw, as a page of the docs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ml.steps.serving_benchmark_page import number

Document = Mapping[str, Any]


def write_soak(document: Document, path: Path) -> None:
    """Write what `bench_soak` returned as Markdown."""
    path.write_text("\n".join(_page(document)) + "\n", encoding="utf-8")


def _page(document: Document) -> Iterator[str]:
    minutes, machine = document["minutes"], document["machine"]
    yield from ("# Serving for long", "")
    yield (
        f"Written by `slate bench soak --minutes {len(minutes)} --write`: {document['rate']:,.0f} requests a second at "
        f"random moments, events among them, on the last of {machine['cores']} cores ({machine['memory_mb']:,} MB of memory); "
        f"each row is {document['minute_seconds']:g} seconds. Every minute an item is told, and every ten the champion moves "
        "to another version of the same bundle."
    )
    yield from ("", "| what | measured | limit | met |", "|---|---:|---|---|")
    for each in document["verdicts"]:
        yield f"| {each['name']} | {number(each['measured'])} | {each['limit']} | {'yes' if each['met'] else 'no'} |"
    yield from (
        "",
        "| minute | slates | events | p50 ms | p99 ms | shed | degraded | MB resident | open files | threads | |",
    )
    yield "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|"
    yield from map(_minute, minutes)


def _minute(row: Document) -> str:
    figures = (
        f"{row['slates']:,}", f"{row['events']:,}", number(row["p50_ms"]), number(row["p99_ms"]), f"{row['shed']:,}",
        f"{row['degraded']:.1%}", f"{row['rss_mb']:,.0f}", str(row["open_files"]), str(row["threads"]),
        "champion moved" if row["swapped"] else "",
    )  # fmt: skip
    return f"| {row['minute']} | {' | '.join(figures)} |"
