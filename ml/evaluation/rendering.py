"""The leaderboard for people: tables for the terminal, Markdown for the docs."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

from ml.evaluation.beyond_accuracy import CASE_NAMES, SEGMENT_NAMES
from ml.evaluation.leaderboard import HEADLINE, Document, Row

SHOWN = (HEADLINE, "recall@10", "recall@100", "map@10", "mrr@10", "hit_rate@10")
TERMINAL = ("recall@100", "coverage@10")
BEYOND = (*SEGMENT_NAMES, *CASE_NAMES)
_UNKNOWN = "–"


def segments_of(document: Document) -> list[str]:
    """The segments that have rows, in order."""
    return list(dict.fromkeys(row["segment"] for row in document["rows"]))


def rows_of(document: Document, segment: str) -> list[Row]:
    """The rows of one segment, best first."""
    return [row for row in document["rows"] if row["segment"] == segment]


def title_of(document: Document, segment: str) -> str:
    """A segment's name, meaning and size."""
    described = document["split"]["segments"][segment]
    counts = f"{described['cases']:,} cases of {described['units']:,} units"
    return f"{segment.replace('_', ' ').capitalize()}: {described['meaning']} ({counts})"


def render_tables(document: Document) -> Iterator[Table]:
    """One table a segment for the terminal: the headline metric, and what fits beside it."""
    for segment in segments_of(document):
        rows = rows_of(document, segment)
        table = Table(title=title_of(document, segment), title_justify="left")
        table.add_column("model", no_wrap=True)
        for heading in (HEADLINE, f"less {_best_baseline(rows)}", *TERMINAL):
            table.add_column(heading, justify="right", overflow="fold")
        for row in rows:
            metrics, versus = row["metrics"], row["versus_best_baseline"].get(HEADLINE)
            own = versus is None or versus["baseline"] == row["model"]
            cells = (_interval(metrics[HEADLINE], "mean"), _UNKNOWN if own else _signed(versus))
            name = f"{row['model']} ({row['kind']})" if row["kind"] != "retriever" else row["model"]
            table.add_row(name, *cells, *(_number(metrics[metric]) for metric in TERMINAL))
        yield table


def _best_baseline(rows: Sequence[Row]) -> str:
    found = (row["versus_best_baseline"].get(HEADLINE) for row in rows)
    return next((versus["baseline"] for versus in found if versus is not None), "the best baseline")


def markdown(document: Document) -> str:
    """The split, then for each segment: accuracy, differences from every baseline, and what is beyond accuracy."""
    lines = [*_split(document["split"]), ""]
    for segment in segments_of(document):
        rows = rows_of(document, segment)
        lines += [f"## {title_of(document, segment)}", ""]
        lines += _table(
            ("model", "kind", *SHOWN, "against the best baseline"),
            [[*_accuracy(row), _versus_best(row)] for row in rows],
        )
        lines += _differences(rows)
        beyond = [[row["model"], *(_number(row["metrics"][name]) for name in BEYOND)] for row in rows]
        lines += ["Beyond accuracy:", "", *_table(("model", *BEYOND), beyond)]
    return "\n".join(lines)


def _split(split: dict[str, Any]) -> list[str]:
    lines = [f"- {name.replace('_', ' ')}: {_plain(value)}" for name, value in split.get("windows", {}).items()]
    if (seen := split.get("configurations_that_saw_the_test")) is not None:
        lines.append(f"- configurations that ever saw the test window: {seen}")
    bootstrap = split["bootstrap"]
    intervals = f"{bootstrap['draws']:,} resamples of units, seed {bootstrap['seed']}"
    return [*lines, f"- catalogue: {split['catalogue']:,} items", f"- {bootstrap['level']:.0%} intervals: {intervals}"]


def _plain(value: object) -> str:
    return " to ".join(value) if isinstance(value, list) else str(value)


def _differences(rows: Sequence[Row]) -> list[str]:
    """How much higher each model's nDCG@10 is than every baseline's."""
    baselines = list(dict.fromkeys(name for row in rows for name in row["versus"]))
    if not baselines:
        return []
    body = [
        [row["model"], *(_signed(row["versus"].get(name, {}).get(HEADLINE)) for name in baselines)]
        for row in rows
        if row["kind"] != "baseline"
    ]
    heading = ("model", *(f"less {name}" for name in baselines))
    return [f"Paired differences in {HEADLINE}:", "", *_table(heading, body)] if body else []


def _table(headings: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    return [_line(headings), _line(["---"] * len(headings)), *map(_line, body), ""]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _accuracy(row: Row) -> list[str]:
    metrics = row["metrics"]
    return [row["model"], row["kind"], _interval(metrics[HEADLINE], "mean"), *(_number(metrics[m]) for m in SHOWN[1:])]


def _versus_best(row: Row) -> str:
    found = row["versus_best_baseline"].get(HEADLINE)
    if found is None or found["baseline"] == row["model"]:
        return _UNKNOWN
    return f"{_signed(found)} {found['baseline']}"


def _number(value: dict[str, float | None]) -> str:
    return _UNKNOWN if value["mean"] is None else f"{value['mean']:.4f}"


def _signed(difference: dict[str, Any] | None) -> str:
    return _UNKNOWN if difference is None else _interval(difference, "difference", "+")


def _interval(value: dict[str, Any], mean: str, sign: str = "") -> str:
    if value[mean] is None:
        return _UNKNOWN
    ends = "" if value["low"] is None else f" [{value['low']:{sign}.4f}, {value['high']:{sign}.4f}]"
    return f"{value[mean]:{sign}.4f}{ends}"
