"""Options that several commands take."""

from typing import Annotated

import typer

DomainOption = Annotated[str, typer.Option("--domain", help="The declared domain to work on.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
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
KOption = Annotated[int, typer.Option("-k", min=1, max=100, help="How many items.")]
