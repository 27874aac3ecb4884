"""Commands that search models' parameters."""

from pathlib import Path
from typing import Annotated

import typer

from ml.cli import output
from ml.cli.options import (
    AsOfOption,
    BasketsConfigOption,
    DomainOption,
    JsonOption,
    KeepOption,
    RowArgument,
    SeedOption,
    SessionsConfigOption,
    TrialsOption,
)
from ml.domains import DEFAULT_DOMAIN

searching = typer.Typer()


@searching.command(epilog="Examples: `slate search als --trials 20` · `slate search ranker --trials 30 --keep`")
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


@searching.command(
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


@searching.command(
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
