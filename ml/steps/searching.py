"""Searching a model's parameters on the validation window: the test window is never looked at."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml.artifacts import code_digest, digest, manifest
from ml.evaluation.replay import rank_batches
from ml.ranking.lambdamart import LambdaMart, LambdaMartParameters
from ml.retrieval import get_retriever
from ml.search import searched_parameters
from ml.settings import settings
from ml.steps.parameters import RANKER, kind_of, parse_parameters
from ml.steps.ranker_rows import ranker_rows
from ml.steps.record import recorded
from ml.steps.studies import Objective, Search, as_dict, refuse_unsearchable, run_search
from ml.steps.training import DEPTH, Training, describe_training, rankings_of
from ml.steps.tuned import write_tuned
from ml.steps.workbench import side_by_side, workbench_of

# What a trial is judged by: a retriever must find, the ranker must order.
OBJECTIVES = ("validation_all_recall@100", "validation_discoveries_recall@100", "validation_all_ndcg@10")
RANKER_OBJECTIVE = "validation_ndcg@10"


@recorded("search")
def search(
    domain: str, model: str, trials: int, parameters: Mapping[str, Any] | None = None, *,
    objective: str = OBJECTIVES[0], keep: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Search one model's parameters; a study that was cut short, or is wanted longer, goes on where it stood.

    Args:
        domain: A declared domain whose features are published.
        model: A retriever, or `ranker`.
        trials: Finished trials wanted in all; the first is that of the defaults.
        parameters: See `TrainingParameters`: which features, which seed, and what all trials share.
        objective: One of `OBJECTIVES`, for a retriever.
        keep: Write what was found to the parameter file of the source of data, from which every training reads.

    Returns:
        `domain`, `model`, `objective`, `trials`, `default` and `best` (each with `value` and `parameters`), `run`
        (MLflow's, a child a trial) and, where it was kept, `path`.

    Raises:
        BadInput: The model has nothing to search, or the objective is none.
    """
    refuse_unsearchable(model, kind_of(model), trials, objective, OBJECTIVES)
    training = describe_training(domain, parse_parameters(parameters or {}))
    measured = RANKER_OBJECTIVE if model == RANKER else objective
    found = run_search(_search(training, model, measured), trials, lambda: _objective(training, model, measured))
    result: dict[str, Any] = {
        "domain": domain, "model": model, "objective": measured, "trials": len(found.trials),
        "default": as_dict(found.trials[0]), "best": as_dict(found.best), "run": found.run,
    }  # fmt: skip
    if keep:
        result["path"] = str(write_tuned(_source(training), model, found.best.parameters))
    return result


@recorded("search all")
def search_all(domain: str, parameters: Mapping[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    """Search every chosen retriever's parameters with `search_trials` trials each; nothing where that is 0.

    Returns:
        What was found, by retriever: `start_training` takes it.
    """
    chosen = parse_parameters(parameters or {})
    if not chosen.search_trials:
        return {}
    training = describe_training(domain, chosen)
    names = [name for name in training["models"] if searched_parameters(kind_of(name))]
    return {name: search(domain, name, chosen.search_trials, parameters)["best"]["parameters"] for name in names}


def _objective(training: Training, model: str, objective: str) -> Objective:
    return _ranker_objective(training) if model == RANKER else _retriever_objective(training, model, objective)


def _retriever_objective(training: Training, name: str, objective: str) -> Objective:
    bench, kind = workbench_of(training), get_retriever(name)
    shared = _shared(training, name)

    def value(parameters: dict[str, Any]) -> float:
        with side_by_side():
            model = kind.fit(bench.training_data, kind.Parameters.model_validate(shared | parameters))
            rankings = rank_batches(model, bench.batches["validation"], bench.known, DEPTH)
        return bench.validation_metrics(rankings)[objective]

    return value


def _ranker_objective(training: Training) -> Objective:
    bench = workbench_of(training)
    rankings = {name: rankings_of(training, name) for name in training["models"]}
    rows = ranker_rows(bench, rankings, training["quotas"], training["maximum_candidates"])
    shared = _shared(training, RANKER)

    def value(parameters: dict[str, Any]) -> float:
        typed = LambdaMartParameters.model_validate(shared | parameters)
        ranker = LambdaMart.fit(*rows, typed, seed=training["seed"], threads=settings().threads)
        return max(ranker.curves["validation_ndcg@10"])

    return value


def _shared(training: Training, model: str) -> dict[str, Any]:
    """The parameters that all trials of a model share: those that are not searched."""
    given = (
        training["ranker_parameters"].get(LambdaMart.name, {})
        if model == RANKER
        else training["retriever_parameters"][model]
    )
    searched = searched_parameters(kind_of(model))
    return {name: value for name, value in given.items() if name not in searched}


def _search(training: Training, model: str, objective: str) -> Search:
    key = digest(
        {
            "features": manifest(Path(training["features"]))["key"], "seed": training["seed"],
            "inputs": training["inputs"], "outputs": training["outputs"],
            "shared": _shared(training, model),
            "retrievers": training["retriever_parameters"] if model == RANKER else {},
            "code": code_digest(
                "data", "features", "retrieval", "sessions/hrnn", "sessions/hrnn_retriever", "ranking", "evaluation", "search"
            ),
        }
    )  # fmt: skip
    return Search(training["domain"], model, kind_of(model), objective, key, training["seed"])


def _source(training: Training) -> str:
    return str(manifest(Path(training["features"]))["source"]["name"])
