"""One Optuna study: the default (or what is handed in) first, then what the sampler proposes, until enough trials are finished.

A study stands in a SQLite file. A trial that a kill cut short is marked as failed and proposed again: the sampler
is seeded by how many trials are finished, so an interrupted study ends as one that nobody interrupted.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.domains.frozen import Frozen
from ml.logs import get_logger, progress
from ml.search.space import as_drawn, as_meant, distributions

if TYPE_CHECKING:
    from optuna import Study

STARTUP = 6  # finished trials before the sampler learns from them
log = get_logger(__name__)


@dataclass(frozen=True)
class Trial:
    """One finished trial: the parameters that were searched, and how good they are (higher is better)."""

    number: int  # from 0: the first one, which was not drawn
    parameters: dict[str, Any]
    value: float


def run_study(
    storage: Path, name: str, kind: type[Frozen], objective: Callable[[dict[str, Any]], float], *,
    trials: int, seed: int, first: Mapping[str, Any] | None = None, finished: Callable[[Trial], None] = lambda _: None,
) -> list[Trial]:  # fmt: skip
    """Go on with a study, or begin it, until it has this many finished trials.

    Args:
        storage: SQLite file, made if it is not there; it may hold many studies.
        name: Of the study; the same name goes on with the same study.
        kind: The model's parameters; those that say how far they are searched are.
        objective: From the searched parameters to a value on validation, higher is better.
        trials: Finished trials wanted, the first among them.
        seed: Of the sampler.
        first: Parameters of the first trial, the searched ones at least; `None`: the kind's defaults.
        finished: Told of every finished trial, also of those from before: what it does must bear repetition.

    Returns:
        The finished trials in order.
    """
    study = _open(storage, name)
    _fail_what_was_cut_short(study)
    for trial in _finished(study, kind):
        finished(trial)
    done = len(_finished(study, kind))
    for number in progress(range(done, trials), f"trials of {name}", max(trials - done, 0)):
        if not number:
            _enqueue(study, as_drawn(kind, first or kind().model_dump()))
        _try(study, kind, objective, seed + number)
        finished(_finished(study, kind)[-1])
    return _finished(study, kind)[:trials]


def best(trials: list[Trial]) -> Trial:
    """The trial of the highest value; the earliest of equals, so that a tie keeps the first."""
    return max(trials, key=lambda trial: (trial.value, -trial.number))


def _open(storage: Path, name: str) -> "Study":
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)  # each trial is logged here, with its model's name
    storage.parent.mkdir(parents=True, exist_ok=True)
    return optuna.create_study(
        storage=f"sqlite:///{storage}", study_name=name, direction="maximize", load_if_exists=True
    )


def _fail_what_was_cut_short(study: "Study") -> None:
    from optuna.trial import TrialState

    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)


def _enqueue(study: "Study", drawn: dict[str, Any]) -> None:
    from optuna.trial import TrialState

    if not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        study.enqueue_trial(drawn)


def _try(study: "Study", kind: type[Frozen], objective: Callable[[dict[str, Any]], float], seed: int) -> None:
    from optuna.samplers import TPESampler

    study.sampler = TPESampler(seed=seed, n_startup_trials=STARTUP, multivariate=True)
    trial = study.ask(distributions(kind))
    parameters = as_meant(kind, trial.params)
    value = objective(parameters)
    study.tell(trial, value)
    log.info("trial of %s: %.5f with %s", study.study_name, value, parameters)


def _finished(study: "Study", kind: type[Frozen]) -> list[Trial]:
    from optuna.trial import TrialState

    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return [
        Trial(number, as_meant(kind, trial.params), float(trial.value or 0.0)) for number, trial in enumerate(complete)
    ]
