"""`slate bench …`: measurements that anyone can repeat on a machine of their own."""

from pathlib import Path
from typing import Annotated

import typer

from ml.cli import output
from ml.cli.options import (
    BasketsConfigOption,
    DomainOption,
    JsonOption,
    SeedOption,
    SessionsConfigOption,
    WriteOption,
)
from ml.domains import DEFAULT_DOMAIN, GENERATED_DOMAIN

bench = typer.Typer(no_args_is_help=True, help="Measure it on this machine.")


@bench.command("demo", epilog="Examples: `slate bench demo --json` · `slate bench demo --write docs/benchmark.md`")
def bench_demo(
    write: WriteOption = None,
    json: JsonOption = False,
) -> None:
    """Time and memory of each stage of the demo's turns."""
    from ml.wheel.benchmark_page import write_benchmark
    from ml.wheel.measure import measured_turns
    from ml.wheel.summary import stages

    turns = measured_turns()
    if write:
        write_benchmark(turns, write)
    output.emit(turns, json, stages)


@bench.command("position-bias", epilog="Example: `slate bench position-bias --json`")
def bench_position_bias(
    seed: Annotated[int, typer.Option(min=0, help="Seed of the requests, the clicks and the rankers.")] = 7,
    json: JsonOption = False,
) -> None:
    """Whether corrections of position bias work, on clicks whose examination curve is known."""
    from ml.evaluation.position_bias import check

    output.emit(check(seed), json, output.position_bias)


@bench.command("index", epilog="Example: `slate bench index --json`")
def bench_index(domain: DomainOption = DEFAULT_DOMAIN, json: JsonOption = False) -> None:
    """Recall and speed of each nearest-neighbour index on the champion's own vectors."""
    from ml import steps

    output.emit(steps.compare_indexes(domain), json, output.records("Indexes"))


@bench.command("ranker", epilog="Example: `slate bench ranker --json`")
def bench_ranker(domain: DomainOption = DEFAULT_DOMAIN, json: JsonOption = False) -> None:
    """Speed of the champion's trees: the flat forest that serves beside XGBoost, treelite and ONNX Runtime.

    What is not installed says so in its row, and how to install it.
    """
    from ml import steps

    output.emit(steps.bench_ranker(domain), json, output.tree_predictors)


@bench.command(
    "sessions",
    epilog="Example: `slate bench sessions --train train.parquet --test test.parquet --config diginetica --json`",
)
def bench_sessions(
    train: Annotated[Path, typer.Option(help="Parquet file of past sessions.")],
    test: Annotated[Path, typer.Option(help="Parquet file of later sessions, or of cases with their prefix.")],
    config: SessionsConfigOption = "default",
    seed: SeedOption = 7,
    json: JsonOption = False,
) -> None:
    """Accuracy, speed and memory of every session model on two files of sessions."""
    from ml import steps

    output.emit(steps.bench_sessions(train, test, config, seed=seed), json, output.session_models)


@bench.command("hrnn", epilog="Example: `slate bench hrnn --train train.parquet --config diginetica --json`")
def bench_hrnn(
    train: Annotated[Path, typer.Option(help="Parquet file of past sessions.")],
    config: SessionsConfigOption = "default",
    seed: SeedOption = 7,
    json: JsonOption = False,
) -> None:
    """Training events a second of the recurrent model beside a plain PyTorch loop, and latency of one answer."""
    from ml import steps

    output.emit(steps.bench_hrnn(train, config, seed=seed), json, output.training_loops)


@bench.command(
    "warm-start", epilog="Example: `slate bench warm-start --train train.parquet --config diginetica --json`"
)
def bench_warm_start(
    train: Annotated[Path, typer.Option(help="Parquet file of past sessions.")],
    config: SessionsConfigOption = "default",
    seed: SeedOption = 7,
    json: JsonOption = False,
) -> None:
    """New days learned from the champion's weights, beside a training from nothing, on the file's latest sessions."""
    from ml import steps

    output.emit(steps.bench_warm_start(train, config, seed=seed), json, output.warm_starts)


@bench.command("users", epilog="Example: `slate bench users --json`")
def bench_users(domain: DomainOption = DEFAULT_DOMAIN, seed: SeedOption = 7, json: JsonOption = False) -> None:
    """What a user's earlier sessions add to the recurrent retriever, on the shop's validation window."""
    from ml import steps

    output.emit(steps.bench_users(domain, seed=seed), json, output.users)


@bench.command("ablation", epilog="Example: `slate bench ablation --json`")
def bench_ablation(domain: DomainOption = DEFAULT_DOMAIN, seed: SeedOption = 7, json: JsonOption = False) -> None:
    """What each retriever and the ranker add to the recommender, on the shop's test window."""
    from ml import steps

    output.emit(steps.bench_ablation(domain, seed=seed), json, output.ablation)


@bench.command("two-tower", epilog="Examples: `slate bench two-tower --json` · `slate bench two-tower --epochs 1`")
def bench_two_tower(
    domain: DomainOption = DEFAULT_DOMAIN,
    seed: SeedOption = 7,
    epochs: Annotated[int | None, typer.Option(help="Most passes over the data; default: the usual number.")] = None,
    json: JsonOption = False,
) -> None:
    """What each part of the two-tower does, on the shop's validation window."""
    from ml import steps

    output.emit(steps.bench_two_tower(domain, seed=seed, epochs=epochs), json, output.two_tower)


@bench.command(
    "two-tower-samples",
    epilog="Examples: `slate bench two-tower-samples --json` · `slate bench two-tower-samples --samples pairs.parquet`",
)
def bench_two_tower_samples(
    samples: Annotated[
        Path | None, typer.Option(help="Parquet file of customer-product samples; default: from the generator.")
    ] = None,
    generator: Annotated[
        str, typer.Option(help="Generator that samples are drawn from, without a file.")
    ] = "santander",
    seed: SeedOption = 7,
    json: JsonOption = False,
) -> None:
    """Towers over attributes beside popularity and logistic regression, on customers that none of them knew."""
    from ml import steps

    document = steps.bench_two_tower_samples(samples, generator=generator, seed=seed)
    output.emit(document, json, output.two_tower_samples)


@bench.command(
    "baskets",
    epilog="Example: `slate bench baskets --history history.parquet --next next.parquet --config tafeng --json`",
)
def bench_baskets(
    history: Annotated[Path, typer.Option(help="Parquet file of past baskets.")],
    following: Annotated[Path, typer.Option("--next", help="Parquet file of each customer's next basket.")],
    config: BasketsConfigOption = "default",
    seed: SeedOption = 7,
    json: JsonOption = False,
) -> None:
    """Accuracy, speed and memory of every next-basket model on two files of baskets."""
    from ml import steps

    output.emit(steps.bench_baskets(history, following, config, seed=seed), json, output.basket_models)


@bench.command("landing", epilog="Example: `slate bench landing --rows 13647309`")
def bench_landing(
    rows: Annotated[int, typer.Option(min=1, help="About how many rows the customers' history has.")] = 13_647_309,
    domain: DomainOption = GENERATED_DOMAIN,
    seed: SeedOption = 7,
    json: JsonOption = False,
) -> None:
    """Time and memory of landing generated files of a given size, the limit on memory beside it."""
    from ml import steps

    output.emit(steps.bench_landing(domain, rows, seed=seed), json, output.fields("Landing"))


@bench.command("scale", epilog="Example: `slate bench scale --customers 1000000 --write docs/scale.md`")
def bench_scale(
    customers: Annotated[int, typer.Option(min=1, help="How many are generated.")] = 1_000_000,
    domain: DomainOption = GENERATED_DOMAIN,
    seed: SeedOption = 7,
    write: WriteOption = None,
    json: JsonOption = False,
) -> None:
    """Time and memory from generated files through landing and features to everybody's eligibility."""
    from ml import steps
    from ml.steps.scale_page import write_scale

    document = steps.bench_scale(domain, customers, seed=seed)
    if write:
        write_scale(document, write)
    output.emit(document, json, output.scale)


@bench.command("ceiling", epilog="Example: `slate bench ceiling --seeds 41 --seeds 42 --json`")
def bench_ceiling(
    domain: DomainOption = GENERATED_DOMAIN,
    seeds: Annotated[list[int], typer.Option(min=0, help="Seed of generated data; repeatable.")] = [41],  # noqa: B006
    customers: Annotated[int, typer.Option(min=1000, help="How many are generated for each seed.")] = 20_000,
    write: WriteOption = None,
    json: JsonOption = False,
) -> None:
    """The recommender's share of the best that anybody could reach, on generated data."""
    from ml import steps
    from ml.steps.ceiling_benchmark_page import write_ceiling_page

    found = steps.bench_ceiling(domain, seeds=seeds, customers=customers)
    if write:
        write_ceiling_page(found, write)
    output.emit(found, json, output.ceiling)


@bench.command("early-interest", epilog="Example: `slate bench early-interest --domain banking --json`")
def bench_early_interest(domain: DomainOption = DEFAULT_DOMAIN, seed: SeedOption = 7, json: JsonOption = False) -> None:
    """Of those who later ask for an item, which share a list held before they showed interest in it."""
    from ml import steps

    output.emit(steps.bench_early_interest(domain, seed=seed), json, output.early_interest)


@bench.command(
    "feedback-loop",
    epilog="Examples: `slate bench feedback-loop --json` · `slate bench feedback-loop --write docs/feedback-loop.md`",
)
def bench_feedback_loop(
    seeds: Annotated[int, typer.Option(help="Simulations of each policy.")] = 8,
    write: WriteOption = None,
    json: JsonOption = False,
) -> None:
    """How a simulated shop narrows that learns from what it showed, with and without exploration."""
    from ml import steps
    from ml.steps.feedback_loop_page import write_feedback_loop

    found = steps.bench_feedback_loop(seeds)
    if write:
        write_feedback_loop(found, write)
    output.emit(found, json, output.feedback_loop)


@bench.command("traces", epilog="Example: `slate bench traces --json`")
def bench_traces(domain: DomainOption = DEFAULT_DOMAIN, json: JsonOption = False) -> None:
    """How long features of users and of items take at any moment, on the published features."""
    from ml import steps

    output.emit(steps.bench_traces(domain), json, output.records("Features from traces, one thread"))
