"""The steps of the pipeline, from raw data to a champion and its reports."""

from pathlib import Path
from typing import Annotated

import typer

from ml.cli import output
from ml.cli.options import AsOfOption, DomainOption, JsonOption, SeedOption
from ml.domains import DEFAULT_DOMAIN

pipeline = typer.Typer()


@pipeline.command(epilog="Example: `slate generate banking --customers 20000 --seed 7`")
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


@pipeline.command(epilog="Example: `slate land --mapping docs/examples/rsc15.yaml --data-folder ~/rsc15`")
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


@pipeline.command(epilog="Examples: `slate features` · `slate features --as-of 2017-12-04 --keep-current`")
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


@pipeline.command(epilog="Example: `slate validate --accept-new-categories`")
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


@pipeline.command(
    epilog="Examples: `slate train two-tower --epochs 2` · `slate train --inputs offline --domain banking`"
)
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


@pipeline.command(epilog="Example: `slate evaluate --json`")
def evaluate(domain: DomainOption = DEFAULT_DOMAIN, json: JsonOption = False) -> None:
    """Judge the last training run on its test window."""
    from ml import steps

    output.emit(steps.evaluate(steps.last_training(domain)), json, output.fields("Evaluated"))


@pipeline.command(epilog="Example: `slate fairness --domain banking`")
def fairness(domain: DomainOption = DEFAULT_DOMAIN, json: JsonOption = False) -> None:
    """Measure how groups of people fare with the last training run, where the domain declares what is fair."""
    from ml import steps

    output.emit(steps.fairness(steps.last_training(domain)), json, output.fields("Fairness"))


@pipeline.command(epilog="Example: `slate publish`")
def publish(domain: DomainOption = DEFAULT_DOMAIN, json: JsonOption = False) -> None:
    """Seal the last training run into a bundle, index included, and register it as challenger."""
    from ml import steps

    output.emit(steps.publish(steps.last_training(domain)), json, output.fields("Published"))


@pipeline.command(epilog='Example: `slate promote --force --reason "seasonal range, agreed with buying"`')
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


@pipeline.command(epilog="Example: `slate report`")
def report(domain: DomainOption = DEFAULT_DOMAIN, json: JsonOption = False) -> None:
    """Report drift, quality and diversity of the last window against the training window."""
    from ml import steps

    output.emit(steps.report(domain), json, output.fields("Report"))


@pipeline.command(epilog="Examples: `slate leaderboard --json` · `slate leaderboard --write docs`")
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
