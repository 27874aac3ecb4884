"""`slate parity`: whether serving computes the features that models learned from."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer
from rich.table import Table

from ml.cli import output
from ml.cli.options import DomainOption, JsonOption
from ml.domains import DEFAULT_DOMAIN

features = typer.Typer()


@features.command(epilog="Examples: `slate parity` · `slate parity --domain banking --days 60 --json`")
def parity(
    domain: DomainOption = DEFAULT_DOMAIN,
    days: Annotated[int, typer.Option(min=1, help="How many of the log's last days arrive event by event.")] = 30,
    json: JsonOption = False,
) -> None:
    """Replay the last days through serving's features and compare every value with the published marts."""
    from ml import steps

    output.emit(steps.parity(domain, days), json, _rendered)


def _rendered(document: Mapping[str, Any]) -> Iterable[Table]:
    rows = [
        (row["mart"], row["feature"], f"{row['rows']:,}", f"{row['known']:,}", f"{row['largest_error']:.1e}")
        for row in document["features"]
    ]
    title = f"{document['arriving_events']:,} events of {document['days']} days onto {document['sealed_events']:,}"
    yield output.table(title, ("mart", "feature", "rows", "known", "largest error"), rows)
