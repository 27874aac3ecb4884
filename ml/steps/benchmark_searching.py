"""Searching the parameters of one row of a benchmark's file, on the training data alone: no test file is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.artifacts import code_digest, digest
from ml.baskets.configuration import BasketsConfiguration
from ml.baskets.loading import load_history
from ml.benchmark_file import Choice, Chosen
from ml.domains.frozen import Frozen
from ml.errors import BadInput
from ml.parameter_file import named_file
from ml.search.space import outside, searched_otherwise
from ml.sessions.configuration import SessionsConfiguration
from ml.sessions.loading import load_past
from ml.sessions.recommender import RecommenderParameters
from ml.settings import settings
from ml.steps import basket_trials, session_trials
from ml.steps.parameter_edits import write_parameters
from ml.steps.studies import Objective, Search, as_dict, refuse_unsearchable, run_search

SHARED_CODE = ("benchmark_file.py", "data", "evaluation", "search", "steps/studies.py")
SESSIONS_CODE = (*SHARED_CODE, "sessions", "steps/session_trials.py", "steps/session_fitting.py")
BASKETS_CODE = (*SHARED_CODE, "baskets", "retrieval", "steps/basket_trials.py")


@dataclass(frozen=True)
class Wanted:
    """What a person asks of a search."""

    trials: int
    objective: str
    seed: int
    keep: bool


def search_sessions(
    model: str, train: Path, config: str = "default", *, trials: int = 30,
    objective: str = session_trials.OBJECTIVES[0], seed: int = 7, keep: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Search the parameters of a session model; a search that was cut short, or is wanted longer, goes on.

    Args:
        model: Name of a row of the parameter file.
        train: Parquet file of past sessions; their latest are what a trial is asked for.
        config: Name of a parameter file in `configs/sessions/`, or the path of one.
        trials: Finished trials wanted in all; the first is what the file says.
        objective: One of `session_trials.OBJECTIVES`.
        seed: Of everything drawn at random.
        keep: Write what was found into the parameter file, where it is better than what the file says.

    Returns:
        `model`, `objective`, `trials`, `first` and `best` (each with `value` and `parameters`), `run` (MLflow's, a
        child a trial) and, where something was written, `path`.

    Raises:
        BadInput: names the file, the row or model, the field and the remedy.
    """
    folder, wanted = _folder("sessions"), Wanted(trials, objective, seed, keep)
    configuration, path = SessionsConfiguration.load(config, folder), named_file(config, folder)
    choice = _choice(configuration.models, model, path)
    kind = _kind(choice, model, path, wanted, session_trials.OBJECTIVES)
    past = load_past(train, longest=configuration.longest)
    split, longest = configuration.recommender or RecommenderParameters(), configuration.longest
    depends = {"data": past.digest(), "tail": split.tail, "least": split.least, "longest": longest}
    search = _search("sessions", model, choice, kind, wanted, depends | {"code": code_digest(*SESSIONS_CODE)})

    def prepare() -> Objective:
        return session_trials.session_objective(choice, past, split, longest=longest, objective=objective, seed=seed)

    return _result(search, wanted, path, prepare)


def search_baskets(
    model: str, history: Path, config: str = "default", *, trials: int = 30,
    objective: str = basket_trials.OBJECTIVES[0], seed: int = 7, keep: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Search the parameters of a next-basket model; as `search_sessions`, but for its data.

    Args:
        model: Name of a row of the parameter file.
        history: Parquet file of past baskets; each customer's latest is what a trial is asked for.
        config: Name of a parameter file in `configs/baskets/`, or the path of one.
        trials: Finished trials wanted in all; the first is what the file says.
        objective: One of `basket_trials.OBJECTIVES`.
        seed: Of everything drawn at random.
        keep: Write what was found into the parameter file, where it is better than what the file says.

    Returns:
        As `search_sessions` does.

    Raises:
        BadInput: names the file, the row or model, the field and the remedy.
    """
    folder, wanted = _folder("baskets"), Wanted(trials, objective, seed, keep)
    configuration, path = BasketsConfiguration.load(config, folder), named_file(config, folder)
    choice = _choice(configuration.models, model, path)
    kind = _kind(choice, model, path, wanted, basket_trials.OBJECTIVES)
    past = load_history(history)
    depends = {"data": past.digest(), "code": code_digest(*BASKETS_CODE)}
    search = _search("baskets", model, choice, kind, wanted, depends)
    return _result(
        search, wanted, path, lambda: basket_trials.basket_objective(choice, past, objective=objective, seed=seed)
    )


def _folder(room: str) -> Path:
    return settings().project / "configs" / room


def _choice(models: Mapping[str, Chosen], model: str, path: Path) -> Chosen:
    if model not in models:
        raise BadInput(f"{path}: there is no model {model!r}: name one of {', '.join(models)}, or add it")
    return models[model]


def _kind(choice: Choice, model: str, path: Path, wanted: Wanted, objectives: tuple[str, ...]) -> type[Frozen]:
    """The model's parameters, as far as they are searched here; refuses what cannot be searched."""
    kind = searched_otherwise(choice.kinds[choice.model].Parameters, choice.ranges.get(choice.model, {}))
    refuse_unsearchable(model, kind, wanted.trials, wanted.objective, objectives)
    wrong = outside(kind, choice.typed().model_dump())
    if wrong is not None:
        raise BadInput(f"{path}, models.{model}.parameters.{wrong}: a search begins with it, so choose one of those")
    return kind


def _search(
    room: str, model: str, choice: Choice, kind: type[Frozen], wanted: Wanted, depends: Mapping[str, Any]
) -> Search:
    first = choice.typed().model_dump(mode="json")
    key = digest({"model": choice.model, "parameters": first, "seed": wanted.seed, **depends})
    return Search(room, model, kind, wanted.objective, key, wanted.seed, first)


def _result(search: Search, wanted: Wanted, path: Path, prepare: Callable[[], Objective]) -> dict[str, Any]:
    found = run_search(search, wanted.trials, prepare)
    result: dict[str, Any] = {
        "model": search.model, "objective": search.objective, "trials": len(found.trials),
        "first": as_dict(found.trials[0]), "best": as_dict(found.best), "run": found.run,
    }  # fmt: skip
    if wanted.keep and found.best.number:
        write_parameters(path, search.model, found.best.parameters)
        result["path"] = str(path)
    return result
