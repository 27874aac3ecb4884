"""`slate bench serving`, `soak` and `online-users`: what the server does on this machine."""

from typing import Annotated

import typer

from ml.cli import output
from ml.cli.bench import bench
from ml.cli.options import JsonOption, SeedOption, WriteOption


@bench.command(
    "online-users",
    epilog="Example: `nice -n 19 slate bench online-users --users 14000000 --write docs/online-users.md`",
)
def bench_online_users(
    users: Annotated[int, typer.Option(min=1, help="How many are made up.")] = 14_000_000,
    events: Annotated[float, typer.Option(min=1, help="Events of each, on average.")] = 12.0,
    seed: SeedOption = 7,
    write: WriteOption = None,
    json: JsonOption = False,
) -> None:
    """Time, disk and memory of looking one user up among very many, in mapped files that are removed afterwards."""
    from ml import steps
    from ml.steps.online_users_page import write_online_users

    document = steps.bench_online_users(users, events, seed)
    if write:
        write_online_users(document, write)
    rows = [{name: value for name, value in row.items() if name != "microseconds"} | _flat(row["microseconds"])
            for row in document["look_ups"]]  # fmt: skip
    output.emit(
        document, json, lambda _: [*output.records("Files")(document["files"]), *output.records("Look-ups")(rows)]
    )


def _flat(taken: dict[str, dict[str, float]]) -> dict[str, float]:
    return {f"{part} {name} µs": value for part, by in taken.items() for name, value in by.items()}
