"""The commands that turn the whole wheel through Airflow, and show what it took."""

import typer
from rich.console import Console

from ml.cli import output
from ml.cli.app import DomainOption, JsonOption, app

bench = typer.Typer(help="What was measured.", epilog="Example: `slate bench demo`", no_args_is_help=True)
app.add_typer(bench, name="bench")


@app.command(epilog="Example: `slate demo --domain retail`")
def demo(domain: DomainOption = "retail", json: JsonOption = False) -> None:
    """Turn the wheel once through Airflow, features to monitor, and show what came of it."""
    from ml.wheel.demo import demo as turn
    from ml.wheel.summary import render

    output.emit(turn(domain), json, render)


@app.command(epilog="Example: `slate ui`")
def ui(domain: DomainOption = "retail") -> None:
    """Serve Airflow, MLflow and the reports on loopback until Ctrl-C."""
    from ml.wheel.ui import serve_ui

    serve_ui(domain, Console())


@bench.command("demo", epilog="Example: `slate bench demo --json`")
def bench_demo(json: JsonOption = False) -> None:
    """Time and memory of every stage of the demo's turns."""
    from ml.wheel.measure import measured_turns
    from ml.wheel.summary import stages

    output.emit(measured_turns(), json, stages)
