"""`slate erase`: everything that is known of a user goes, or is looked for."""

from typing import Annotated

import typer

from ml.cli import output
from ml.cli.options import DomainOption, JsonOption
from ml.domains import DEFAULT_DOMAIN
from ml.errors import BadInput

erase = typer.Typer()


@erase.command(
    "erase",
    epilog="Examples: `slate erase --user 900 --within-minutes 30` · `slate erase --pending` · `slate erase --scan 900`",
)
def erase_user(
    user: Annotated[list[str] | None, typer.Option(help="Identifier of a user to erase; repeatable.")] = None,
    scan: Annotated[str | None, typer.Option(help="Identifier of a user to look for; nothing is changed.")] = None,
    pending: Annotated[bool, typer.Option("--pending", help="Erase all whom serving was told to forget.")] = False,
    domain: DomainOption = DEFAULT_DOMAIN,
    within_minutes: Annotated[
        float, typer.Option(min=0, help="The time in which the user is to be gone; reported, and a failure if passed.")
    ] = 60.0,
    json: JsonOption = False,
) -> None:
    """Erase users from the landed data, the warehouse, all artifacts and logs, and from the champion."""
    from ml import steps

    if bool(user) + (scan is not None) + pending != 1:
        raise BadInput("say whom to erase (--user, or --pending), or whom to look for (--scan)")
    if pending:
        output.emit(steps.erase_pending(domain, within_minutes), json, output.fields("Erased"))
        raise typer.Exit
    if scan is not None:
        found = steps.traces_of(domain, scan)
        output.emit(found, json, output.fields("Traces"))
        raise typer.Exit(1 if found["files"] else 0)
    output.emit(steps.erase(domain, user or [], within_minutes), json, output.fields("Erased"))
