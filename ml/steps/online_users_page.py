"""What very many users take to be served, as a page of the docs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def write_online_users(document: Mapping[str, Any], path: Path) -> None:
    """Write what `bench_online_users` returned as Markdown."""
    path.write_text("\n".join(_page(document)) + "\n", encoding="utf-8")


def _page(document: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {document['users']:,} users where a serving process finds them"
    yield ""
    yield (
        f"Written by `slate bench online-users --users {document['users']} --seed {document['seed']} --write`. The "
        f"users are made up: {document['events']:,} events of {document['event_bytes']} bytes, those of a user side by "
        f"side, and for each user a vector of {document['dimensions']} numbers of half precision. {document['cores']} "
        f"cores and {document['memory_mb']:,} MB of memory, at `nice` {document['niceness']} "
        "beside whatever else ran there. The files are removed afterwards."
    )
    yield from ("", "## Writing", "", "| part | seconds | MB | bytes a user |", "|---|---:|---:|---:|")
    for row in document["files"]:
        yield f"| {row['part']} | {row['seconds']:,.1f} | {row['bytes'] / 1e6:,.0f} | {row['bytes_a_user']:,.1f} |"
    yield from ("", "## Looking one user up", "")
    yield (
        "From identifier to row (`find`), then the user's events and vector copied from mapped files (`read`), in "
        "microseconds. Cold: the system had dropped every page of the files before. Warm: the same users had been "
        "looked up just before. Columns are a file for each field of an event; records are one file of whole events."
    )
    yield ""
    yield "| layout | index | pages | look-ups | p50 | p99 | find p50 | read p50 | pages from disk | resident MB | own MB |"
    yield "|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    yield from map(_look_up, document["look_ups"])
    yield from ("", *_said(document["look_ups"]))


def _look_up(row: Mapping[str, Any]) -> str:
    taken = row["microseconds"]
    figures = (taken["all"]["p50"], taken["all"]["p99"], taken["find"]["p50"], taken["read"]["p50"])
    return (
        f"| {row['layout']} | {row['index']} | {row['pages']} | {row['look_ups']:,} | "
        + " | ".join(f"{figure:,.1f}" for figure in figures)
        + f" | {row['pages_from_disk']:.1f} | {row['resident_mb']:,} | {row['own_mb']:,} |"
    )


def _said(rows: list[Mapping[str, Any]]) -> Iterator[str]:
    """What the table says, in words."""
    for pages in ("cold", "warm"):
        asked = [row for row in rows if row["pages"] == pages]
        best, worst = (choose(asked, key=_median) for choose in (min, max))
        yield (
            f"{pages.capitalize()}, {best['layout']} behind {best['index']} are fastest: {_median(best):,.1f} µs at the "
            f"median, against {_median(worst):,.1f} µs for {worst['layout']} behind {worst['index']}."
        )
    yield (
        "Resident memory is nearly all pages of files, which the system takes back when it needs them: the process's "
        "own memory does not grow with the number of users."
    )


def _median(row: Mapping[str, Any]) -> float:
    return float(row["microseconds"]["all"]["p50"])
