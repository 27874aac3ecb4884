"""The commands. Each is one public step; `--json` prints its result as one document."""

from pathlib import Path
from typing import Annotated

import typer

from ml import __version__
from ml.cli import output
from ml.cli.bench_serving import bench
from ml.cli.erase import erase
from ml.cli.items import items
from ml.cli.options import (
    AsOfOption,
    BasketsConfigOption,
    ChannelOption,
    DomainOption,
    InterestOption,
    JsonOption,
    KeepOption,
    KOption,
    OutputsOption,
    RowArgument,
    SeedOption,
    SessionsConfigOption,
    TemperOption,
    TrialsOption,
)
from ml.cli.parity import features as feature_commands
from ml.cli.serving import serving
from ml.cli.serving_data import serving_data
from ml.domains import DEFAULT_DOMAIN
from ml.errors import BadInput

app = typer.Typer(
    name="slate", no_args_is_help=True, add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False,
    help="From raw customer interactions to personalised recommendation slates.",
)  # fmt: skip

TEMPERS = {None: None, True: "conservative", False: "tolerant"}

app.add_typer(bench, name="bench")
for part in (serving, serving_data, items, erase, feature_commands):
    app.add_typer(part)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command(epilog="Example: `slate generate banking --customers 20000 --seed 7`")
def generate(
    domain: Annotated[str, typer.Argument(help="A declared domain that has a generator, such as `banking`.")],
    customers: Annotated[int, typer.Option(min=1, help="How many customers there are.")] = 20_000,
    seed: SeedOption = 7,
    months: Annotated[int | None, typer.Option(help="Months observed; default: as many as there can be.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the files; default: SLATE_HOME/raw/<domain>.")] = None,
    json: JsonOption = False,
) -> None:
    """Write the raw files of made-up customers, for `slate land`."""
    from ml import steps

    output.emit(steps.generate(domain, customers, seed, months, out), json, output.fields("Generated"))


@app.command(epilog="Example: `slate land --mapping docs/examples/rsc15.yaml --data-folder ~/rsc15`")
def land(
    domain: DomainOption = DEFAULT_DOMAIN,
    source: Annotated[str | None, typer.Option(help="A source that Slate knows, such as `santander`.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="Mapping file of your own shop's data.")] = None,
    data_folder: Annotated[Path | None, typer.Option(help="Where the files of the source or mapping lie.")] = None,
    json: JsonOption = False,
) -> None:
    """Land raw data as typed, append-only partitions."""
    from ml import steps

    landed = steps.land(domain, source=source, mapping=mapping, data_folder=data_folder)
    output.emit(landed, json, output.fields("Landed"))


@app.command(epilog="Examples: `slate features` · `slate features --as-of 2017-12-04 --keep-current`")
def features(
    domain: DomainOption = DEFAULT_DOMAIN,
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
    domain: DomainOption = DEFAULT_DOMAIN,
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


@app.command(epilog="Examples: `slate train two-tower --epochs 2` · `slate train --inputs offline --domain banking`")
def train(
    model: Annotated[str, typer.Argument(help="A retriever such as `two-tower`, `ranker`, or `all`.")] = "all",
    domain: DomainOption = DEFAULT_DOMAIN,
    models: Annotated[list[str] | None, typer.Option(help="Retrievers of the recommender; repeatable.")] = None,
    as_of: AsOfOption = None,
    inputs: Annotated[
        str, typer.Option(help="What models see of users: offline, online (what they did on the site), or both.")
    ] = "both",
    outputs: Annotated[
        str | None, typer.Option(help="Slates of what users have not (new), have (owned), or any (mixed).")
    ] = None,
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
    chosen |= {"loss": loss, "search_trials": search_trials, "ranker": ranker, "inputs": inputs, "outputs": outputs}
    result = steps.train(domain, model.replace("-", "_"), chosen)
    output.emit(result, json, output.fields("Trained"))


@app.command(epilog="Examples: `slate search als --trials 20` · `slate search ranker --trials 30 --keep`")
def search(
    model: Annotated[str, typer.Argument(help="A retriever such as `two-tower`, or `ranker`.")],
    domain: DomainOption = DEFAULT_DOMAIN,
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
def evaluate(domain: DomainOption = DEFAULT_DOMAIN, json: JsonOption = False) -> None:
    """Judge the last training run on its test window."""
    from ml import steps

    output.emit(steps.evaluate(steps.last_training(domain)), json, output.fields("Evaluated"))


@app.command(epilog="Example: `slate fairness --domain banking`")
def fairness(domain: DomainOption = DEFAULT_DOMAIN, json: JsonOption = False) -> None:
    """Measure how groups of people fare with the last training run, where the domain declares what is fair."""
    from ml import steps

    output.emit(steps.fairness(steps.last_training(domain)), json, output.fields("Fairness"))


@app.command(epilog="Example: `slate publish`")
def publish(domain: DomainOption = DEFAULT_DOMAIN, json: JsonOption = False) -> None:
    """Seal the last training run into a bundle, index included, and register it as challenger."""
    from ml import steps

    output.emit(steps.publish(steps.last_training(domain)), json, output.fields("Published"))


@app.command(epilog='Example: `slate promote --force --reason "seasonal range, agreed with buying"`')
def promote(
    domain: DomainOption = DEFAULT_DOMAIN,
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


@app.command(
    epilog="Examples: `slate recommend --user 900 --interest COFFEE` · `slate recommend --user 16351 --domain banking --outputs owned`"
)
def recommend(
    user: Annotated[str, typer.Option(help="Identifier of the user; an unknown one gets what is popular.")],
    domain: DomainOption = DEFAULT_DOMAIN,
    k: KOption = 10,
    channel: ChannelOption = None,
    conservative: TemperOption = None,
    interest: InterestOption = None,
    outputs: OutputsOption = None,
    json: JsonOption = False,
) -> None:
    """The champion's slate for one user, after all rules."""
    from ml import steps

    chosen = {"channel": channel, "risk": TEMPERS[conservative], "interests": interest or (), "outputs": outputs}
    output.emit(steps.recommend(domain, user, k, **chosen), json, output.slate)


@app.command(epilog="Example: `slate explain --user 900 --item 1095275`")
def explain(
    user: Annotated[str, typer.Option(help="Identifier of the user.")],
    item: Annotated[str, typer.Option(help="Identifier of the item.")],
    domain: DomainOption = DEFAULT_DOMAIN,
    channel: ChannelOption = None,
    conservative: TemperOption = None,
    interest: InterestOption = None,
    outputs: OutputsOption = None,
    json: JsonOption = False,
) -> None:
    """Why the champion shows an item to a user, or does not: ranks, steps and rules with their facts."""
    from ml import steps

    chosen = {"channel": channel, "risk": TEMPERS[conservative], "interests": interest or (), "outputs": outputs}
    output.emit(steps.explain(domain, user, item, **chosen), json, output.explained)


@app.command(
    epilog="Examples: `slate eligibility --domain banking` · `slate eligibility --domain banking --channel email`"
)
def eligibility(domain: DomainOption = DEFAULT_DOMAIN, channel: ChannelOption = None, json: JsonOption = False) -> None:
    """Who may be offered what, of all users and items: Parquet, and how many each rule forbids."""
    from ml import steps

    output.emit(steps.eligibility(domain, channel), json, output.eligibility)


@app.command(epilog="Examples: `slate package --user 16351 --domain banking` · `slate package --all --domain banking`")
def package(
    user: Annotated[str | None, typer.Option(help="Identifier of the user.")] = None,
    every: Annotated[bool, typer.Option("--all", help="For every known user, as Parquet and CSV.")] = False,
    domain: DomainOption = DEFAULT_DOMAIN,
    reminders: Annotated[int, typer.Option(min=0, max=100, help="Items that the user has or looked at.")] = 5,
    discoveries: Annotated[int, typer.Option(min=0, max=100, help="Items that the user never met.")] = 5,
    json: JsonOption = False,
) -> None:
    """What to remind one user of, and what to show for the first time; or the same for everybody."""
    from ml import steps

    if (user is None) != every:
        raise BadInput("a package is for one user or for everybody: give --user or --all")
    if user is None:
        output.emit(steps.package_all(domain, reminders, discoveries), json, output.fields("Packages"))
        raise typer.Exit
    output.emit(steps.package(domain, user, reminders, discoveries), json, output.package)


@app.command(
    "contact-list",
    epilog="Example: `slate contact-list --product ind_nomina_ult1 --share 0.10 --channel email --domain banking`",
)
def contact_list(
    item: Annotated[str, typer.Option("--product", "--item", help="Identifier of the item.")],
    domain: DomainOption = DEFAULT_DOMAIN,
    share: Annotated[float, typer.Option(help="Share of those who may be told, from 0 to 1.")] = 0.1,
    channel: Annotated[
        str | None, typer.Option(help="Through which they are told; default: any that each user agreed to.")
    ] = None,
    seed: SeedOption = 7,
    force: Annotated[bool, typer.Option(help="Write a list that passes a limit of fairness; needs a reason.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why the limit is overruled.")] = None,
    json: JsonOption = False,
) -> None:
    """The users likeliest to want an item before they ask for it, with reasons, and a control group held back."""
    from ml import steps

    result = steps.contact_list(domain, item, share, channel, seed=seed, force=force, reason=reason)
    output.emit(result, json, output.fields("Contact list"))


@app.command(epilog="Example: `slate similar --item 1095275`")
def similar(
    item: Annotated[str, typer.Option(help="Identifier of the item.")],
    domain: DomainOption = DEFAULT_DOMAIN,
    k: KOption = 10,
    json: JsonOption = False,
) -> None:
    """Items nearest to one item."""
    from ml import steps

    output.emit(steps.similar(domain, item, k), json, output.slate)


@app.command(epilog="Example: `slate report`")
def report(domain: DomainOption = DEFAULT_DOMAIN, json: JsonOption = False) -> None:
    """Report drift, quality and diversity of the last window against the training window."""
    from ml import steps

    output.emit(steps.report(domain), json, output.fields("Report"))


@app.command(epilog="Example: `slate status --json`")
def status(domain: DomainOption = DEFAULT_DOMAIN, json: JsonOption = False) -> None:
    """Where the domain stands: data, champion, last runs."""
    from ml import steps

    output.emit(steps.status(domain), json, output.status)


@app.command(epilog="Examples: `slate leaderboard --json` · `slate leaderboard --write docs`")
def leaderboard(
    domain: DomainOption = DEFAULT_DOMAIN,
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
def demo(domain: DomainOption = DEFAULT_DOMAIN, json: JsonOption = False) -> None:
    """Turn the wheel once through Airflow, from raw data to a champion, and show what came of it."""
    from ml.wheel.demo import demo as turn
    from ml.wheel.summary import render

    output.emit(turn(domain), json, render)


@app.command(epilog="Example: `slate ui`")
def ui(domain: DomainOption = DEFAULT_DOMAIN) -> None:
    """Serve Airflow, MLflow and the reports on loopback until Ctrl-C."""
    from ml.logs import console
    from ml.wheel.ui import serve_ui

    serve_ui(domain, console)
