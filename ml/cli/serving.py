"""`slate serve`: the champions over HTTP; `slate batch`: the same slates for everybody at once."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from ml.cli import output
from ml.cli.options import DomainOption, JsonOption
from ml.domains import DEFAULT_DOMAIN
from ml.errors import BadInput

CLOCKS = ("system", "data")


serving = typer.Typer()


@serving.command(epilog="Examples: `slate serve` · `slate serve --domain retail --domain banking --clock data`")
def serve(
    domain: Annotated[list[str] | None, typer.Option("--domain", help="A declared domain; repeatable.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; any but loopback needs tokens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: any that is free.")] = 8100,
    clock: Annotated[str, typer.Option(help="`system`, or `data`: historic data, whose time goes on.")] = "system",
    reader: Annotated[bool, typer.Option("--reader", help="Another process takes the events.")] = False,
    per_second: Annotated[int, typer.Option(min=0, help="Requests of one client in a second; 0: any number.")] = 2_000,
    plain: Annotated[bool, typer.Option("--plain", help="Log lines for people in place of JSON.")] = False,
) -> None:
    """Serve slates, events and items over HTTP until Ctrl-C; the address is printed on standard output as JSON."""
    from ml import steps

    if clock not in CLOCKS:
        raise BadInput(f"--clock: {clock!r} is none of {', '.join(CLOCKS)}")
    steps.serve(
        domain or [DEFAULT_DOMAIN], host, port, clock=clock, reader=reader, per_second=per_second or None, human_log=plain,
        announce=lambda address: typer.echo(f'{{"address": "{address}", "port": {address.rsplit(":", 1)[1]}}}'),
    )  # fmt: skip


@serving.command(epilog="Examples: `slate batch --placement email` · `slate batch --domain banking --now --json`")
def batch(
    placement: Annotated[str, typer.Option(help="A placement that the domain declares, such as `email`.")] = "home",
    domain: DomainOption = DEFAULT_DOMAIN,
    now: Annotated[
        bool, typer.Option("--now", help="With what happened until now, not as the champion was sealed.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Write the slates of one placement for every known user as Parquet, as the server would answer."""
    from ml import steps

    found = steps.batch_slates(domain, placement, datetime.now(UTC) if now else None)
    output.emit(found, json, output.fields("Slates"))
