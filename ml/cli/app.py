"""The commands. Each is one public step; `--json` prints its result as one document."""

from pathlib import Path
from typing import Annotated

import typer

from ml import __version__
from ml.cli import output

app = typer.Typer(
    name="slate", no_args_is_help=True, add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False,
    help="From raw customer interactions to personalised recommendation slates.",
)  # fmt: skip

bench = typer.Typer(no_args_is_help=True, help="Measure it on this machine.")
app.add_typer(bench, name="bench")

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


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command(epilog="Example: `slate land --mapping docs/examples/rsc15.yaml --data-folder ~/rsc15`")
def land(
    domain: DomainOption = "retail",
    mapping: Annotated[Path | None, typer.Option(help="Mapping file of your own shop's data.")] = None,
    data_folder: Annotated[Path | None, typer.Option(help="Where the files that the mapping names lie.")] = None,
    json: JsonOption = False,
) -> None:
    """Land raw data as typed, append-only partitions."""
    from ml import steps

    output.emit(steps.land(domain, mapping=mapping, data_folder=data_folder), json, output.fields("Landed"))


@app.command(epilog="Examples: `slate features` · `slate features --as-of 2017-12-04 --keep-current`")
def features(
    domain: DomainOption = "retail",
    as_of: AsOfOption = None,
    keep_current: Annotated[
        bool, typer.Option(help="Publish beside the current features, for a training as of another date.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Build, test, validate and publish the marts."""
    from ml import steps

    if keep_current:
        path = steps.features_as_of(domain, as_of)
        output.emit({"domain": domain, "as_of": as_of, "path": path}, json, output.fields("Features"))
        raise typer.Exit
    steps.validate_landing(domain, as_of)
    plan = steps.plan(domain, as_of)
    steps.build_features(plan)
    steps.validate_marts(plan)
    path = steps.publish_features(plan)
    output.emit({**plan, "path": path, "counts": steps.status(domain)["counts"]}, json, output.fields("Features"))


@app.command(epilog="Example: `slate validate --accept-new-categories`")
def validate(
    domain: DomainOption = "retail",
    as_of: AsOfOption = None,
    accept_new_categories: Annotated[
        bool, typer.Option(help="From now on take the categories that the landed items have as known.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Check the landed data and the marts against the suites in `expectations/`."""
    from ml import steps

    landing = steps.validate_landing(domain, as_of, accept_new_categories=accept_new_categories)
    marts = steps.validate_marts(steps.plan(domain, as_of))
    output.emit({"landing": landing, "marts": marts}, json, output.fields("Validated"))


@app.command(epilog="Examples: `slate train two-tower --epochs 2` · `slate train --seed 11`")
def train(
    model: Annotated[str, typer.Argument(help="A retriever such as `two-tower`, `ranker`, or `all`.")] = "all",
    domain: DomainOption = "retail",
    models: Annotated[list[str] | None, typer.Option(help="Retrievers of the recommender; repeatable.")] = None,
    as_of: AsOfOption = None,
    seed: SeedOption = 7,
    epochs: Annotated[int | None, typer.Option(help="Passes over the data.")] = None,
    embedding_size: Annotated[int | None, typer.Option(help="Dimensions of learned vectors.")] = None,
    loss: Annotated[str | None, typer.Option(help="Loss of the two-tower model.")] = None,
    search_trials: Annotated[int, typer.Option(help="Trials of a search of each model's parameters before.")] = 0,
    ranker: Annotated[
        str, typer.Option(help="lambdamart, dcn, or best: both, and the better one is kept.")
    ] = "lambdamart",
    json: JsonOption = False,
) -> None:
    """Train one model or all of them; what has not changed is reused."""
    from ml import steps

    chosen = {"models": models, "as_of": as_of, "seed": seed, "epochs": epochs, "embedding_size": embedding_size}
    result = steps.train(
        domain, model.replace("-", "_"), chosen | {"loss": loss, "search_trials": search_trials, "ranker": ranker}
    )
    output.emit(result, json, output.fields("Trained"))


@app.command(epilog="Examples: `slate search als --trials 20` · `slate search ranker --trials 30 --keep`")
def search(
    model: Annotated[str, typer.Argument(help="A retriever such as `two-tower`, or `ranker`.")],
    domain: DomainOption = "retail",
    trials: Annotated[int, typer.Option(help="Finished trials wanted in all, the default's among them.")] = 20,
    objective: Annotated[
        str | None, typer.Option(help="Validation metric of a retriever's trial; default: validation_all_recall@100.")
    ] = None,
    as_of: AsOfOption = None,
    seed: SeedOption = 7,
    keep: Annotated[
        bool, typer.Option(help="Write what was found to `configs/training/<source>.yaml`, for every training to come.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Search a model's parameters on validation; goes on where an earlier search stopped or was killed."""
    from ml import steps

    name, wanted = model.replace("-", "_"), {"objective": objective} if objective else {}
    result = steps.search(domain, name, trials, {"as_of": as_of, "seed": seed}, keep=keep, **wanted)
    output.emit(result, json, output.fields("Searched"))


@app.command(
    "search-sessions",
    epilog="Example: `slate search-sessions v_sknn --train train.parquet --config diginetica --trials 30 --keep`",
)
def search_sessions(
    model: RowArgument,
    train: Annotated[Path, typer.Option(help="Parquet file of past sessions; the latest of them judge.")],
    config: SessionsConfigOption = "default",
    trials: TrialsOption = 30,
    objective: Annotated[str, typer.Option(help="What a trial is judged by: mrr@20 or p@20.")] = "mrr@20",
    seed: SeedOption = 7,
    keep: KeepOption = False,
    json: JsonOption = False,
) -> None:
    """Search a session model's parameters on the training file; goes on where an earlier search was killed."""
    from ml import steps

    result = steps.search_sessions(model, train, config, trials=trials, objective=objective, seed=seed, keep=keep)
    output.emit(result, json, output.fields("Searched"))


@app.command(
    "search-baskets",
    epilog="Example: `slate search-baskets tifu_knn --history history.parquet --config tafeng --trials 30 --keep`",
)
def search_baskets(
    model: RowArgument,
    history: Annotated[Path, typer.Option(help="Parquet file of past baskets; each customer's latest judges.")],
    config: BasketsConfigOption = "default",
    trials: TrialsOption = 30,
    objective: Annotated[str, typer.Option(help="What a trial is judged by: ndcg@10 or recall@10.")] = "ndcg@10",
    seed: SeedOption = 7,
    keep: KeepOption = False,
    json: JsonOption = False,
) -> None:
    """Search a next-basket model's parameters on the history; goes on where an earlier search was killed."""
    from ml import steps

    result = steps.search_baskets(model, history, config, trials=trials, objective=objective, seed=seed, keep=keep)
    output.emit(result, json, output.fields("Searched"))


@app.command(epilog="Example: `slate evaluate --json`")
def evaluate(domain: DomainOption = "retail", json: JsonOption = False) -> None:
    """Judge the last training run on its test window."""
    from ml import steps

    output.emit(steps.evaluate(steps.last_training(domain)), json, output.fields("Evaluated"))


@app.command(epilog="Example: `slate publish`")
def publish(domain: DomainOption = "retail", json: JsonOption = False) -> None:
    """Seal the last training run into a bundle, index included, and register it as challenger."""
    from ml import steps

    output.emit(steps.publish(steps.last_training(domain)), json, output.fields("Published"))


@app.command(epilog='Example: `slate promote --force --reason "seasonal range, agreed with buying"`')
def promote(
    domain: DomainOption = "retail",
    force: Annotated[bool, typer.Option(help="Overrule a refusal; needs a reason.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why the gate is overruled.")] = None,
    json: JsonOption = False,
) -> None:
    """Judge the challenger against the champion, and make it champion if the gate agrees."""
    from ml import steps

    decision = steps.judge(domain)
    result = steps.promote(domain, decision, force=force, reason=reason)
    output.emit(result, json, output.fields("Promotion"))
    raise typer.Exit(0 if result["promoted"] else 1)


@app.command(epilog="Example: `slate recommend --user 900 -k 5`")
def recommend(
    user: Annotated[str, typer.Option(help="Identifier of the user; an unknown one gets what is popular.")],
    domain: DomainOption = "retail",
    k: KOption = 10,
    json: JsonOption = False,
) -> None:
    """The champion's slate for one user."""
    from ml import steps

    output.emit(steps.recommend(domain, user, k), json, output.slate)


@app.command(epilog="Example: `slate similar --item 1095275`")
def similar(
    item: Annotated[str, typer.Option(help="Identifier of the item.")],
    domain: DomainOption = "retail",
    k: KOption = 10,
    json: JsonOption = False,
) -> None:
    """Items nearest to one item."""
    from ml import steps

    output.emit(steps.similar(domain, item, k), json, output.slate)


@app.command(epilog="Example: `slate report`")
def report(domain: DomainOption = "retail", json: JsonOption = False) -> None:
    """Report drift, quality and diversity of the last window against the training window."""
    from ml import steps

    output.emit(steps.report(domain), json, output.fields("Report"))


@app.command(epilog="Example: `slate status --json`")
def status(domain: DomainOption = "retail", json: JsonOption = False) -> None:
    """Where the domain stands: data, champion, last runs."""
    from ml import steps

    output.emit(steps.status(domain), json, output.status)


@app.command(epilog="Examples: `slate leaderboard --json` · `slate leaderboard --write docs`")
def leaderboard(
    domain: DomainOption = "retail",
    write: Annotated[
        Path | None, typer.Option(help="Also write leaderboard.md and images/leaderboard.png into this folder.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Every model of the last evaluation against the baselines, with 95% intervals."""
    from ml import steps

    document = steps.leaderboard(domain)
    if write is not None:
        steps.write_leaderboard(document, write)
    output.emit(document, json, output.leaderboard)


@app.command(epilog="Example: `slate demo --domain retail`")
def demo(domain: DomainOption = "retail", json: JsonOption = False) -> None:
    """Turn the wheel once through Airflow, from raw data to a champion, and show what came of it."""
    from ml.wheel.demo import demo as turn
    from ml.wheel.summary import render

    output.emit(turn(domain), json, render)


@app.command(epilog="Example: `slate ui`")
def ui(domain: DomainOption = "retail") -> None:
    """Serve Airflow, MLflow and the reports on loopback until Ctrl-C."""
    from ml.logs import console
    from ml.wheel.ui import serve_ui

    serve_ui(domain, console)


@bench.command("demo", epilog="Examples: `slate bench demo --json` · `slate bench demo --write docs/benchmark.md`")
def bench_demo(
    write: Annotated[Path | None, typer.Option(help="Also write this Markdown page.")] = None,
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
def bench_index(domain: DomainOption = "retail", json: JsonOption = False) -> None:
    """Recall and speed of each nearest-neighbour index on the champion's own vectors."""
    from ml import steps

    output.emit(steps.compare_indexes(domain), json, output.records("Indexes"))


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
def bench_users(domain: DomainOption = "retail", seed: SeedOption = 7, json: JsonOption = False) -> None:
    """What a user's earlier sessions add to the recurrent retriever, on the shop's validation window."""
    from ml import steps

    output.emit(steps.bench_users(domain, seed=seed), json, output.users)


@bench.command("ablation", epilog="Example: `slate bench ablation --json`")
def bench_ablation(domain: DomainOption = "retail", seed: SeedOption = 7, json: JsonOption = False) -> None:
    """What each retriever and the ranker add to the recommender, on the shop's test window."""
    from ml import steps

    output.emit(steps.bench_ablation(domain, seed=seed), json, output.ablation)


@bench.command("two-tower", epilog="Examples: `slate bench two-tower --json` · `slate bench two-tower --epochs 1`")
def bench_two_tower(
    domain: DomainOption = "retail",
    seed: SeedOption = 7,
    epochs: Annotated[int | None, typer.Option(help="Most passes over the data; default: the usual number.")] = None,
    json: JsonOption = False,
) -> None:
    """What each part of the two-tower does, on the shop's validation window."""
    from ml import steps

    output.emit(steps.bench_two_tower(domain, seed=seed, epochs=epochs), json, output.two_tower)


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
