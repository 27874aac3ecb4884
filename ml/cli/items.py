"""`slate land-items`: what serving was told of items, for the next champion."""

from pathlib import Path
from typing import Annotated

import typer

from ml.cli import output
from ml.cli.options import DomainOption, JsonOption
from ml.domains import DEFAULT_DOMAIN

items = typer.Typer()


@items.command("land-items", epilog="Examples: `slate land-items` · `slate land-items --file told.jsonl`")
def land_items(
    domain: DomainOption = DEFAULT_DOMAIN,
    file: Annotated[
        Path | None,
        typer.Option(help="One JSON object a line: item_id, and what is told; default: what serving was told."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Land items as a further version of the catalogue; what is not told of a landed item stays."""
    from ml import steps
    from ml.serving.items import told_in

    output.emit(steps.land_items(domain, told_in(file) if file else None), json, output.fields("Landed items"))
