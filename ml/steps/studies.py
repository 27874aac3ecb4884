"""Studies that stand under SLATE_HOME and are shown in MLflow: a run a study, a child run a trial."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from ml.domains.frozen import Frozen
from ml.errors import BadInput
from ml.logs import get_logger
from ml.search import Trial, run_study, searched_parameters
from ml.search.study import best
from ml.settings import settings
from ml.tracking import runs

Objective = Callable[[dict[str, Any]], float]
log = get_logger(__name__)


@dataclass(frozen=True)
class Search:
    """What is searched, and what its values depend on."""

    room: str  # the experiment in MLflow, and the folder of the study
    model: str  # as people call it
    kind: type[Frozen]  # the model's parameters
    objective: str  # the measure of a trial
    key: str  # digest of all that the values depend on: others' values must not be learned from
    seed: int
    first: Mapping[str, Any] | None = None  # parameters of the first trial; `None`: the kind's defaults

    @property
    def name(self) -> str:
        """Of the study."""
        return f"{self.model} {self.objective} {self.key}"


@dataclass(frozen=True)
class Outcome:
    """What a search found."""

    trials: list[Trial]  # at least one, the first one first
    run: str  # MLflow's

    @property
    def best(self) -> Trial:
        """The trial of the highest value; a tie keeps the earlier."""
        return best(self.trials)


def run_search(search: Search, trials: int, prepare: Callable[[], Objective]) -> Outcome:
    """Go on with a search until it has this many finished trials.

    Args:
        search: Which one.
        trials: Finished trials wanted.
        prepare: Makes the objective; called once, and not at all where the trials are already there.
    """
    prepared = cache(prepare)
    shown = {"mlflow.runName": f"search {search.model}", "slate.role": "search", "domain": search.room}
    run = runs.open_training(search.room, search.name, {"objective": search.objective, "model": search.model}, shown)

    def finished(trial: Trial) -> None:
        name = f"{search.model} trial {trial.number}"
        runs.log_model(run, name, trial.parameters, {search.objective: trial.value}, tags={"slate.role": "trial"})

    storage = settings().domain_path("studies", search.room) / "studies.db"
    try:
        done = run_study(
            storage, search.name, search.kind, lambda parameters: prepared()(parameters),
            trials=trials, seed=search.seed, first=search.first, finished=finished,
        )  # fmt: skip
    except BaseException:
        runs.close_training(run, failed=True)
        raise
    runs.close_training(run)
    found = Outcome(done, run)
    log.info("%s: %s %.5f, at first %.5f", search.model, search.objective, found.best.value, done[0].value)
    return found


def refuse_unsearchable(model: str, kind: type[Frozen], trials: int, objective: str, known: tuple[str, ...]) -> None:
    """Raise `BadInput` where there is nothing to search, no trial is wanted, or the objective is none of the known."""
    if not searched_parameters(kind):
        raise BadInput(f"{model} has no parameter that says how far it is searched: choose another model")
    if trials < 1:
        raise BadInput(f"a search takes at least one trial; {trials} were asked for")
    if objective not in known:
        raise BadInput(f"there is no objective {objective!r}; choose from {', '.join(known)}")


def as_dict(trial: Trial) -> dict[str, Any]:
    """A trial as results show it."""
    return {"value": trial.value, "parameters": trial.parameters}
