"""A record of each step's last run, for `slate status` and for people who look into `SLATE_HOME/runs`."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from time import monotonic
from typing import Any, ParamSpec, TypeVar

from ml.artifacts import read_json, write_json
from ml.errors import SlateError
from ml.logs import get_logger
from ml.settings import settings

P = ParamSpec("P")
T = TypeVar("T")
log = get_logger(__name__)


def recorded(step: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Record when a step last ran and how it ended.

    The step's first argument is the domain's name, or a plan or training (a dict) that holds it.
    """

    def wrap(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def run(*arguments: P.args, **options: P.kwargs) -> T:
            subject: Any = (*arguments, *options.values())[0]
            domain = subject if isinstance(subject, str) else subject["domain"]
            started, clock = _now(), monotonic()
            _write(domain, step, {"state": "running", "started_at": started, "pid": os.getpid()})
            try:
                result = function(*arguments, **options)
            except BaseException as error:
                message = str(error) if isinstance(error, SlateError) else repr(error)
                _write(domain, step, _ended("failed", started, clock) | {"message": message})
                raise
            _write(domain, step, _ended("success", started, clock))
            log.info("%s: done in %.1f s", step, monotonic() - clock)
            return result

        return run

    return wrap


def last_runs(domain: str) -> dict[str, dict[str, Any]]:
    """The last run of each step; one whose process is gone is reported as `killed`."""
    found = {path.stem: read_json(path) for path in sorted((settings().domain_path("runs", domain)).glob("*.json"))}
    for run in found.values():
        if run["state"] == "running" and not _alive(run["pid"]):
            run["state"] = "killed"
    return found


def _ended(state: str, started: str, clock: float) -> dict[str, Any]:
    return {"state": state, "started_at": started, "ended_at": _now(), "seconds": round(monotonic() - clock, 2)}


def _write(domain: str, step: str, run: dict[str, Any]) -> None:
    write_json(settings().domain_path("runs", domain) / f"{step}.json", run)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
