"""The leaderboard as a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml.evaluation.leaderboard import HEADLINE, Document
from ml.evaluation.rendering import rows_of, segments_of

COLOURS = {"baseline": "#7f7f7f", "retriever": "#1f77b4", "ranker": "#9467bd", "recommender": "#d62728"}


def forest_plot(
    document: Document, path: Path, *, segments: Sequence[str] | None = None, metric: str = HEADLINE
) -> None:
    """Draw one metric of every model with its interval, a panel a segment (default: all), into a PNG file."""
    from matplotlib.figure import Figure

    names = segments_of(document) if segments is None else segments
    across = min(3, len(names))
    down = -(-len(names) // across)
    models = max(len(rows_of(document, name)) for name in names)
    figure = Figure(figsize=(4.6 * across, (1.2 + 0.26 * models) * down), layout="constrained")
    for place, name in enumerate(names):
        _panel(figure.add_subplot(down, across, place + 1), document, name, metric)
    saved(figure, path)


def saved(figure: Any, path: Path) -> None:
    """Draw a matplotlib `Figure` into a PNG file, which appears whole."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    beside = path.with_name(f".{path.name}")
    figure.savefig(beside, format="png", dpi=110)
    beside.replace(path)


def _panel(axes: Any, document: Document, segment: str, metric: str) -> None:
    rows = [row for row in rows_of(document, segment)[::-1] if row["metrics"][metric]["mean"] is not None]
    for place, row in enumerate(rows):
        found, colour = row["metrics"][metric], COLOURS[row["kind"]]
        axes.plot(found["mean"], place, "o", color=colour, markersize=5)
        if found["low"] is not None:
            axes.plot([found["low"], found["high"]], [place, place], color=colour, linewidth=1.6)
    axes.set_yticks(range(len(rows)), [row["model"] for row in rows])
    axes.set_title(segment.replace("_", " "))
    axes.set_xlabel(f"{metric} with its interval")
    axes.grid(axis="x", alpha=0.3)
