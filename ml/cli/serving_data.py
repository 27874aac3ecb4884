"""`slate land-events`, `slate land-impressions`: what was served comes back as data."""

import typer

from ml.cli import output
from ml.cli.options import DomainOption, JsonOption
from ml.domains import DEFAULT_DOMAIN

serving_data = typer.Typer()


@serving_data.command(
    "land-events", epilog="Examples: `slate land-events` · `slate land-events --domain banking --json`"
)
def land_events(domain: DomainOption = DEFAULT_DOMAIN, json: JsonOption = False) -> None:
    """Land the events that serving accepted: the closed segments of its log, each event once."""
    from ml import steps

    output.emit(steps.land_events(domain), json, output.fields("Served events"))


@serving_data.command("land-impressions", epilog="Example: `slate land-impressions --json`")
def land_impressions(domain: DomainOption = DEFAULT_DOMAIN, json: JsonOption = False) -> None:
    """Land the slates that were served: the sealed parts of the log of impressions, each once."""
    from ml import steps

    output.emit(steps.land_impressions(domain), json, output.fields("Impressions"))
