"""What a ranker looks at, as a picture."""

from collections.abc import Mapping
from pathlib import Path

SHOWN = 25


def plot_importance(gains: Mapping[str, float], path: Path) -> Path:
    """Draw the features with the most total gain, largest on top; returns the file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = sorted(gains, key=lambda name: gains[name])[-SHOWN:]
    total = sum(gains.values()) or 1.0
    figure = Figure(figsize=(8, 0.28 * len(names) + 1.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.barh(names, [gains[name] / total for name in names], color="#3b6ea5")
    axes.set_xlabel("share of the total gain of all splits")
    axes.set_title("What the ranker looks at")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    return path
