"""The page about what was served: a table a kind of group, and a picture, in one file that needs no server."""

import base64
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ml.artifacts import write_json
from ml.evaluation.plots import saved
from ml.monitoring.shelf import write_text

NAME = "served"
_COUNTS = ("slates", "impressions", "users")
_SHARES = ("coverage", "explored_share", "cold_share", "degraded_share", "settled_share", "serendipity")
_NUMBERS = ("gini", "novelty")
_RATES = ("ctr", "conversion")
_STYLE = (
    "<style>body { font: 16px/1.5 system-ui, sans-serif; max-width: 80rem; margin: 2rem auto; padding: 0 1rem }"
    "table { border-collapse: collapse; font-size: 14px } td, th { padding: .2rem .6rem; text-align: right;"
    " border-bottom: 1px solid #ddd } th:first-child { text-align: left } img { max-width: 100% }</style>"
)


def write_served(folder: Path, found: Mapping[str, Any]) -> None:
    """Write what `ml.monitoring.served.served` returned as `served.json` and `served.html`."""
    write_json(folder / f"{NAME}.json", found)
    write_text(folder / f"{NAME}.html", "\n".join(_page(found)) + "\n")


def _page(found: Mapping[str, Any]) -> Iterator[str]:
    yield '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Served slates</title>'
    yield _STYLE
    yield "<h1>Served slates</h1>"
    if found["all"] is None:
        yield f"<p>Nothing was served from {escape(found['since'])} to {escape(found['until'])}.</p>\n</html>"
        return
    yield f"<p>Shown from {escape(found['since'])} to {escape(found['until'])}. Intervals: 95 %, bootstrap over users.</p>"
    yield f'<img alt="Click rate by placement and model version" src="data:image/png;base64,{_picture(found)}">'
    yield from _table("All", {"all": found["all"]})
    yield from _table("By placement", found["placements"])
    yield from _table("By model version", found["model_versions"])
    yield "</html>"


def _table(title: str, groups: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    names = [*_COUNTS, *_RATES, "revenue_per_user", *_SHARES, *_NUMBERS]
    yield f"<h2>{escape(title)}</h2>\n<table>"
    yield "<tr><th></th>" + "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in names) + "</tr>"
    for group, figures in groups.items():
        cells = "".join(f"<td>{_cell(name, figures[name])}</td>" for name in names)
        yield f"<tr><th>{escape(group)}</th>{cells}</tr>"
    yield "</table>"


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "–"
    if name in _COUNTS:
        return f"{value:,}"
    if isinstance(value, Mapping):
        form = ".2%" if name in _RATES else ".2f"
        if value["low"] is None:
            return f"{value['mean']:{form}}"
        return f"{value['mean']:{form}} ({value['low']:{form}} to {value['high']:{form}})"
    return f"{value:.1%}" if name in _SHARES else f"{value:.3f}"


def _picture(document: Mapping[str, Any]) -> str:
    """The rates of every group with their intervals, as a PNG file in base 64."""
    from matplotlib.figure import Figure

    groups = {"all": document["all"], **document["placements"]}
    groups |= {f"version {name}": figures for name, figures in document["model_versions"].items()}
    figure = Figure(figsize=(10, 1.4 + 0.3 * len(groups)), layout="constrained")
    for place, rate in enumerate(_RATES, start=1):
        axes = figure.add_subplot(1, len(_RATES), place)
        for row, figures in enumerate(reversed(groups.values())):
            found = figures[rate]
            axes.plot(found["mean"], row, "o", color="#1f77b4")
            if found["low"] is not None:
                axes.plot([found["low"], found["high"]], [row, row], color="#1f77b4")
        # Names are other people's text: a dollar sign would begin a formula.
        axes.set_yticks(range(len(groups)), [name.replace("$", r"\$") for name in reversed(groups)])
        axes.set_title(f"{rate} of an impression")
        axes.grid(axis="x", alpha=0.3)
    with TemporaryDirectory() as folder:
        saved(figure, Path(folder) / "served.png")
        return base64.b64encode((Path(folder) / "served.png").read_bytes()).decode()
