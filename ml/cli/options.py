"""Options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

from ml.errors import BadInput


def _can_be_written(page: Path | None) -> Path | None:
    """Raise `BadInput` before the measurement rather than after it, which may take an hour."""
    if page is not None and (page.is_dir() or not page.parent.is_dir()):
        raise BadInput(f"--write {page} is a folder, or lies in none: name a file in a folder that there is")
    return page


DomainOption = Annotated[str, typer.Option("--domain", help="The declared domain to work on.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
WriteOption = Annotated[Path | None, typer.Option(help="Also write this Markdown page.", callback=_can_be_written)]
AsOfOption = Annotated[
    str | None, typer.Option("--as-of", help="Only what was known before this date; default: the end of the data.")
]
SeedOption = Annotated[int, typer.Option(help="Seed of everything drawn at random.")]
SessionsConfigOption = Annotated[str, typer.Option(help="A parameter file of `configs/sessions/`, by name or by path.")]
BasketsConfigOption = Annotated[str, typer.Option(help="A parameter file of `configs/baskets/`, by name or by path.")]
RowArgument = Annotated[str, typer.Argument(help="Name of a model's row in the parameter file, such as `v_sknn`.")]
TrialsOption = Annotated[int, typer.Option(help="Finished trials wanted in all, that of the file among them.")]
KeepOption = Annotated[
    bool, typer.Option("--keep", help="Write what was found into the parameter file, where it is better.")
]
ChannelOption = Annotated[
    str | None, typer.Option("--channel", help="Marketing channel of the slate; default: the user came by themselves.")
]
TemperOption = Annotated[
    bool | None,
    typer.Option("--conservative/--tolerant", help="Only what a person of this temper towards risk would see."),
]
InterestOption = Annotated[
    list[str] | None, typer.Option("--interest", help="Only items of this category; repeatable.")
]
OutputsOption = Annotated[
    str | None,
    typer.Option(
        "--outputs", help="Items that the user has not (new), has (owned), or any (mixed); default: as trained."
    ),
]
KOption = Annotated[int, typer.Option("-k", min=1, max=100, help="How many items.")]
