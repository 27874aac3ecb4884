"""`slate bench serving`, `soak` and `online-users`: what the server does on this machine."""

from typing import Annotated

import typer

from ml.cli import output
from ml.cli.bench import bench
from ml.cli.options import DomainOption, JsonOption, SeedOption, WriteOption
from ml.domains import DEFAULT_DOMAIN
from ml.errors import RunFailed

__all__ = ["bench"]


@bench.command(
    "serving",
    epilog="Examples: `slate bench serving --write docs/serving-benchmark.md` · `slate bench serving --seconds 5 --no-mlflow --json`",
)
def bench_serving(
    domain: DomainOption = DEFAULT_DOMAIN,
    seconds: Annotated[float, typer.Option(min=1, help="Of each trial at one rate.")] = 10.0,
    rounds: Annotated[int, typer.Option(min=1, help="Trials at each share of saturation.")] = 3,
    overload: Annotated[bool, typer.Option(help="Also offer ten times what can be served.")] = True,
    overload_seconds: Annotated[float, typer.Option(min=1, help="For how long.")] = 60.0,
    mlflow: Annotated[bool, typer.Option(help="Also measure `mlflow models serve` on the same model.")] = True,
    seed: SeedOption = 7,
    write: WriteOption = None,
    json: JsonOption = False,
) -> None:
    """Latency by stage, saturation, memory, swaps, freshness and overload of the server, beside MLflow's and the limit."""
    from ml import steps
    from ml.steps.serving_benchmark import Plan
    from ml.steps.serving_benchmark_page import number, write_serving

    plan = Plan(domain, seconds, rounds, overload_seconds if overload else 0.0, mlflow, seed)
    document = steps.bench_serving(plan)
    if write:
        write_serving(document, write)
    rows = [{**aim, "measured": number(aim["measured"])} for aim in document["aims"]]
    output.emit(document, json, lambda _: output.records("Serving")(rows))


@bench.command("soak", epilog="Example: `slate bench soak --minutes 60 --write docs/serving-soak.md`")
def bench_soak(
    domain: DomainOption = DEFAULT_DOMAIN,
    minutes: Annotated[int, typer.Option(min=1, help="For how long.")] = 60,
    rate: Annotated[
        float | None, typer.Option(min=0.1, help="Requests a second; default: 40 % of what is found to saturate it.")
    ] = None,
    seed: SeedOption = 7,
    write: WriteOption = None,
    json: JsonOption = False,
) -> None:
    """Whether memory or latency of the server drift under load with events, items and changing champions."""
    from ml import steps
    from ml.steps.serving_soak import Soak
    from ml.steps.serving_soak_page import write_soak

    document = steps.bench_soak(Soak(domain, minutes, rate, seed=seed))
    if write:
        write_soak(document, write)
    output.emit(document, json, lambda _: output.records("Soak")(document["verdicts"]))
    if not document["passed"]:
        missed = [each["name"] for each in document["verdicts"] if not each["met"]]
        raise RunFailed(f"the soak did not hold: {'; '.join(missed)}")


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
