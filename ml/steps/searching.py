"""Searching a model's parameters on the validation window: the test window is never looked at."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ml.artifacts import code_digest, digest, manifest
from ml.errors import BadInput
from ml.evaluation.replay import rank_batches
from ml.logs import get_logger
from ml.ranking.lambdamart import LambdaMart, LambdaMartParameters
from ml.retrieval import get_retriever
from ml.search import Trial, run_study, searched_parameters
from ml.search.study import best
from ml.settings import settings
from ml.steps.parameters import RANKER, kind_of, parse_parameters
from ml.steps.ranker_rows import ranker_rows
from ml.steps.record import recorded
from ml.steps.training import DEPTH, Training, describe_training, rankings_of
from ml.steps.tuned import write_tuned
from ml.steps.workbench import open_workbench, side_by_side
from ml.tracking import runs

# What a trial is judged by: a retriever must find, the ranker must order.
OBJECTIVES = ("validation_all_recall@100", "validation_discoveries_recall@100", "validation_all_ndcg@10")
RANKER_OBJECTIVE = "validation_ndcg@10"
log = get_logger(__name__)


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
    _refuse_unsearchable(model, trials, objective)
    training = describe_training(domain, parse_parameters(parameters or {}))
    measured = RANKER_OBJECTIVE if model == RANKER else objective
    done = _run(training, model, trials, measured)
    first, found = done[0], best(done)
    log.info("%s: %s %.5f, by default %.5f", model, measured, found.value, first.value)
    run = _open_run(training, model, measured)
    runs.close_training(run)
    result: dict[str, Any] = {
        "domain": domain, "model": model, "objective": measured, "trials": len(done),
        "default": _as_dict(first), "best": _as_dict(found), "run": run,
    }  # fmt: skip
    if keep:
        result["path"] = str(write_tuned(_source(training), model, found.parameters))
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


def _refuse_unsearchable(model: str, trials: int, objective: str) -> None:
    if not searched_parameters(kind_of(model)):
        raise BadInput(f"{model} has no parameter that says how far it is searched: choose another model")
    if trials < 1:
        raise BadInput(f"a search takes at least one trial; {trials} were asked for")
    if objective not in OBJECTIVES:
        raise BadInput(f"there is no objective {objective!r}; choose from {', '.join(OBJECTIVES)}")


def _run(training: Training, model: str, trials: int, objective: str) -> list[Trial]:
    parent = _open_run(training, model, objective)

    def finished(trial: Trial) -> None:
        name = f"{model} trial {trial.number}"
        runs.log_model(parent, name, trial.parameters, {objective: trial.value}, tags={"slate.role": "trial"})

    storage = settings().domain_path("studies", training["domain"]) / "studies.db"
    return run_study(
        storage, _study(training, model, objective), kind_of(model), _objective(training, model, objective),
        trials=trials, seed=training["seed"], finished=finished,
    )  # fmt: skip


def _objective(training: Training, model: str, objective: str) -> Callable[[dict[str, Any]], float]:
    return _ranker_objective(training) if model == RANKER else _retriever_objective(training, model, objective)


def _retriever_objective(training: Training, name: str, objective: str) -> Callable[[dict[str, Any]], float]:
    bench, kind = open_workbench(training["features"], training["seed"]), get_retriever(name)
    shared = _shared(training, name)

    def value(parameters: dict[str, Any]) -> float:
        with side_by_side():
            model = kind.fit(bench.training_data, kind.Parameters.model_validate(shared | parameters))
            rankings = rank_batches(model, bench.batches["validation"], bench.known, DEPTH)
        return bench.validation_metrics(rankings)[objective]

    return value


def _ranker_objective(training: Training) -> Callable[[dict[str, Any]], float]:
    bench = open_workbench(training["features"], training["seed"])
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


def _study(training: Training, model: str, objective: str) -> str:
    """A study's name holds all that its values depend on: others' values must not be learned from."""
    key = digest(
        {
            "features": manifest(Path(training["features"]))["key"], "seed": training["seed"],
            "shared": _shared(training, model),
            "retrievers": training["retriever_parameters"] if model == RANKER else {},
            "code": code_digest(
                "data", "features", "retrieval", "sessions/hrnn", "sessions/hrnn_retriever", "ranking", "evaluation", "search"
            ),
        }
    )  # fmt: skip
    return f"{model} {objective} {key}"


def _open_run(training: Training, model: str, objective: str) -> str:
    name = _study(training, model, objective)
    shown = {"mlflow.runName": f"search {model}", "slate.role": "search", "domain": training["domain"]}
    return runs.open_training(training["domain"], name, {"objective": objective, "model": model}, shown)


def _source(training: Training) -> str:
    return str(manifest(Path(training["features"]))["source"]["name"])


def _as_dict(trial: Trial) -> dict[str, Any]:
    return {"value": trial.value, "parameters": trial.parameters}
