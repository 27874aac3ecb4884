"""`slate erase`: everything that is known of a user goes, or is looked for."""

from typing import Annotated

import typer

from ml.cli import output
from ml.cli.options import DomainOption, JsonOption
from ml.domains import DEFAULT_DOMAIN
from ml.errors import BadInput

erase = typer.Typer()


@erase.command("erase", epilog="Examples: `slate erase --user 900 --within-minutes 30` · `slate erase --scan 900`")
def erase_user(
    user: Annotated[list[str] | None, typer.Option(help="Identifier of a user to erase; repeatable.")] = None,
    scan: Annotated[str | None, typer.Option(help="Identifier of a user to look for; nothing is changed.")] = None,
    domain: DomainOption = DEFAULT_DOMAIN,
    within_minutes: Annotated[
        float, typer.Option(min=0, help="The time in which the user is to be gone; reported, and a failure if passed.")
    ] = 60.0,
    json: JsonOption = False,
) -> None:
    """Erase users from the landed data, the warehouse, all artifacts and logs, and from the champion."""
    from ml import steps

    if (scan is None) == (not user):
        raise BadInput("say whom to erase (--user), or whom to look for (--scan)")
    if scan is not None:
        found = steps.traces_of(domain, scan)
        output.emit(found, json, output.fields("Traces"))
        raise typer.Exit(1 if found["files"] else 0)
    output.emit(steps.erase(domain, user, within_minutes), json, output.fields("Erased"))
