"""What every model reaches of a ceiling, as a page of the docs with a picture."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ml.evaluation.plots import COLOURS, saved

Row = Mapping[str, Any]
Column = tuple[str, list[str]]  # its title and a cell a model
ENDS = ("mean", "low", "high")


def write_ceiling_page(document: Mapping[str, Any], path: Path) -> None:
    """Write `slate bench ceiling`'s document as Markdown, and its picture into `images/` beside the page."""
    picture = path.parent / "images" / f"{path.stem}.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    _plot(_ranked(document["rows"], None, None), picture)
    path.write_text("\n".join(_lines(document, f"images/{picture.name}")) + "\n", encoding="utf-8")


def _lines(document: Mapping[str, Any], picture: str) -> Iterator[str]:
    rows: Sequence[Row] = document["rows"]
    seeds = [seed for seed in dict.fromkeys(row["seed"] for row in rows) if seed is not None]
    months = [month for month in dict.fromkeys(row["month"] for row in rows) if month is not None]
    ranked = _ranked(rows, None, None)
    yield f"# {document['domain'].capitalize()}: what each model reaches of the ceiling"
    yield ""
    yield (
        f"{document['customers']:,} generated customers for each of {len(seeds)} seeds "
        f"({', '.join(map(str, seeds))}); {ranked[0]['cases']:,} cases, a user and a month in which something was "
        "taken. Intervals of 95 % resample users. `slate` is the recommender, `eligible_slate` what the rules of "
        "eligibility leave of it. Written by `slate bench ceiling --write`."
    )
    yield ""
    yield f"![Share of the ceiling's MAP@7]({picture})"
    yield ""
    own = [("MAP@7", [_number(row["map@7"]) for row in ranked]), _shares("share of the ceiling", rows, ranked)]
    yield from _table(ranked, [*own, *(_shares(f"seed {seed}", rows, ranked, seed=seed) for seed in seeds)])
    yield ""
    yield "## Month by month"
    yield ""
    yield "The share of the ceiling in each month that was predicted, all seeds together; models were fitted before all."
    yield ""
    yield from _table(ranked, [_shares(f"from {month}", rows, ranked, month=month) for month in months])


def _shares(
    title: str, rows: Sequence[Row], ranked: Sequence[Row], *, seed: int | None = None, month: str | None = None
) -> Column:
    """What each model reaches of the ceiling in one part of the cases."""
    return title, [_percent(_found(rows, row["model"], seed, month)["share"]) for row in ranked]


def _table(ranked: Sequence[Row], columns: Sequence[Column]) -> Iterator[str]:
    """A row a model, best first."""
    yield "| model | " + " | ".join(title for title, _ in columns) + " |"
    yield "|---|" + "---:|" * len(columns)
    for place, row in enumerate(ranked):
        yield f"| {row['model']} | " + " | ".join(cells[place] for _, cells in columns) + " |"


def _ranked(rows: Sequence[Row], seed: int | None, month: str | None) -> list[Row]:
    chosen = [row for row in rows if (row["seed"], row["month"]) == (seed, month)]
    return sorted(chosen, key=lambda row: -row["share"]["mean"])


def _found(rows: Sequence[Row], model: str, seed: int | None, month: str | None) -> Row:
    return next(row for row in rows if (row["model"], row["seed"], row["month"]) == (model, seed, month))


def _number(value: Mapping[str, float | None]) -> str:
    return _interval(value, 1, 4)


def _percent(value: Mapping[str, float | None]) -> str:
    return _interval(value, 100, 1) + " %"


def _interval(value: Mapping[str, float | None], factor: int, digits: int) -> str:
    mean, low, high = ("–" if at is None else f"{factor * at:.{digits}f}" for at in map(value.get, ENDS))
    return f"{mean} [{low}, {high}]"


def _plot(ranked: Sequence[Row], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 1.2 + 0.32 * len(ranked)), layout="constrained")
    axes = figure.add_subplot()
    for place, row in enumerate(ranked[::-1]):
        share, colour = row["share"], COLOURS[row["kind"]]
        axes.plot(100 * share["mean"], place, "o", color=colour)
        if share["low"] is not None:
            axes.plot([100 * share["low"], 100 * share["high"]], [place, place], color=colour, linewidth=1.6)
    axes.axvline(90, color="#d62728", linestyle=":", linewidth=1)
    axes.set_yticks(range(len(ranked)), [row["model"] for row in ranked[::-1]])
    axes.set_xlabel("share of the ceiling's MAP@7 in %, with its interval (dotted: the aim)")
    axes.grid(axis="x", alpha=0.3)
    saved(figure, path)
