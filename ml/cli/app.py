"""The commands. Each is one public step; `--json` prints its result as one document."""

from typing import Annotated

import typer

from ml import __version__
from ml.cli import output
from ml.cli.asking import asking
from ml.cli.bench_serving import bench
from ml.cli.erase import erase
from ml.cli.items import items
from ml.cli.options import DomainOption, JsonOption
from ml.cli.parity import features as feature_commands
from ml.cli.pipeline import pipeline
from ml.cli.searching import searching
from ml.cli.serving import serving
from ml.cli.serving_data import serving_data
from ml.domains import DEFAULT_DOMAIN

app = typer.Typer(
    name="slate", no_args_is_help=True, add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False,
    help="From raw customer interactions to personalised recommendation slates.",
)  # fmt: skip

app.add_typer(bench, name="bench")
for part in (pipeline, searching, asking, serving, serving_data, items, erase, feature_commands):
    app.add_typer(part)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command(epilog="Example: `slate status --json`")
def status(domain: DomainOption = DEFAULT_DOMAIN, json: JsonOption = False) -> None:
    """Where the domain stands: data, champion, last runs."""
    from ml import steps

    output.emit(steps.status(domain), json, output.status)


@app.command(epilog="Example: `slate demo --domain retail`")
def demo(domain: DomainOption = DEFAULT_DOMAIN, json: JsonOption = False) -> None:
    """Turn the wheel once through Airflow, from raw data to a champion, and show what came of it."""
    from ml.wheel.demo import demo as turn
    from ml.wheel.summary import render

    output.emit(turn(domain), json, render)


@app.command(epilog="Example: `slate ui`")
def ui(domain: DomainOption = DEFAULT_DOMAIN) -> None:
    """Serve Airflow, MLflow and the reports on loopback until Ctrl-C."""
    from ml.logs import console
    from ml.wheel.ui import serve_ui

    serve_ui(domain, console)
