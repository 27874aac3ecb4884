"""The commands that turn the whole wheel through Airflow, and show what it took."""

from pathlib import Path
from typing import Annotated

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


@bench.command("demo", epilog="Examples: `slate bench demo --json` · `slate bench demo --write docs/benchmark.md`")
def bench_demo(
    write: Annotated[Path | None, typer.Option(help="Also write this Markdown page.")] = None,
    json: JsonOption = False,
) -> None:
    """Time and memory of every stage of the demo's turns."""
    from ml.wheel.benchmark_page import write_benchmark
    from ml.wheel.measure import measured_turns
    from ml.wheel.summary import stages

    turns = measured_turns()
    if write:
        write_benchmark(turns, write)
    output.emit(turns, json, stages)
