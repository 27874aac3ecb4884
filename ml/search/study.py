"""One Optuna study: the default first, then what the sampler proposes, until enough trials are finished.

A study stands in a SQLite file. A trial that a kill cut short is marked as failed and proposed again: the sampler
is seeded by how many trials are finished, so an interrupted study ends as one that nobody interrupted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.domains.domain import Frozen
from ml.logs import get_logger, progress
from ml.search.space import distributions

if TYPE_CHECKING:
    from optuna import Study

STARTUP = 6  # finished trials before the sampler learns from them
log = get_logger(__name__)


@dataclass(frozen=True)
class Trial:
    """One finished trial: the parameters that were searched, and how good they are (higher is better)."""

    number: int  # from 0: the default
    parameters: dict[str, Any]
    value: float


def run_study(
    storage: Path, name: str, kind: type[Frozen], objective: Callable[[dict[str, Any]], float], *,
    trials: int, seed: int, finished: Callable[[Trial], None] = lambda _: None,
) -> list[Trial]:  # fmt: skip
    """Go on with a study, or begin it, until it has this many finished trials.

    Args:
        storage: SQLite file, made if it is not there; it may hold many studies.
        name: Of the study; the same name goes on with the same study.
        kind: The model's parameters; those that say how far they are searched are.
        objective: From the searched parameters to a value on validation, higher is better.
        trials: Finished trials wanted, the default's among them.
        seed: Of the sampler.
        finished: Told of every finished trial, also of those from before: what it does must bear repetition.

    Returns:
        The finished trials in order.
    """
    study = _open(storage, name)
    _fail_what_was_cut_short(study)
    for trial in _finished(study):
        finished(trial)
    done = len(_finished(study))
    for number in progress(range(done, trials), f"trials of {name}", max(trials - done, 0)):
        _try(study, kind, objective, seed + number)
        finished(_finished(study)[-1])
    return _finished(study)[:trials]


def best(trials: list[Trial]) -> Trial:
    """The trial of the highest value; the earliest of equals, so that a tie keeps the default."""
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


def _try(study: "Study", kind: type[Frozen], objective: Callable[[dict[str, Any]], float], seed: int) -> None:
    from optuna.samplers import TPESampler
    from optuna.trial import TrialState

    searched = distributions(kind)
    if not _finished(study) and not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        defaults = kind().model_dump()
        study.enqueue_trial({name: defaults[name] for name in searched})
    study.sampler = TPESampler(seed=seed, n_startup_trials=STARTUP, multivariate=True)
    trial = study.ask(searched)
    value = objective(trial.params)
    study.tell(trial, value)
    log.info("trial of %s: %.5f with %s", study.study_name, value, trial.params)


def _finished(study: "Study") -> list[Trial]:
    from optuna.trial import TrialState

    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return [Trial(number, dict(trial.params), float(trial.value or 0.0)) for number, trial in enumerate(complete)]
