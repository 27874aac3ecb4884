"""The same model behind `mlflow models serve`, asked the same way."""

import http.client
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np

from ml.domains import get_domain
from ml.errors import RunFailed
from ml.serving.load.connections import Address
from ml.serving.load.summary import quantiles
from ml.steps.serving_process import LOOPBACK, Server, ask, serving, wait_for
from ml.steps.serving_trials import MOST_MS, Document, Trials, invocations
from ml.tracking.store import tracking_uri

FIRST_RATE, LEAST_RATE = 8.0, 0.5  # requests a second
LEAST_SECONDS = 10.0  # of a trial: few answers come in less


def measure_mlflow(domain: str, user_ids: Sequence[str], core: int, log: Path, port: int, seconds: float) -> Document:
    """Slates a second of the champion behind MLflow's own server on one core.

    Args:
        domain: Whose champion.
        user_ids: Who asks, in turn.
        core: The one that it may use.
        log: Gets what it says.
        port: A free one.
        seconds: Of each trial.

    Returns:
        `held`: slates a second with a p99 below the limit (0: not even `least` a second was), `one_by_one`: those of
        somebody who asks again as soon as the answer is there, `milliseconds` of such an answer by quantile, `memory`.
    """
    name = get_domain(domain).registered_model
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", f"models:/{name}@champion", "--env-manager", "local",
               "-h", LOOPBACK, "-p", str(port)]  # fmt: skip
    environment = {"MLFLOW_TRACKING_URI": tracking_uri()}
    with serving(command, [core], log, environment, port=port) as server:
        started = wait_for(server, log, "GET", "/ping")
        trials = Trials((server.address,), invocations(user_ids), max(seconds, LEAST_SECONDS), count(1))
        alone = one_by_one(server, user_ids, trials.seconds)
        first = min(FIRST_RATE, alone["slates_per_second"])
        held = trials.saturation(first, LEAST_RATE)
        measured = replace(trials, seeds=count(1_000)).measure(held)["slates_per_second"] if held else 0.0
        return {
            "held": measured, "least": LEAST_RATE, "limit_ms": MOST_MS, "start_seconds": started,
            "one_by_one": alone["slates_per_second"], "milliseconds": alone["milliseconds"], "memory": server.memory(),
        }  # fmt: skip


def one_by_one(server: Server, user_ids: Sequence[str], seconds: float) -> Document:
    """Ask as soon as the last answer is there."""
    _ask(server.address, user_ids[0])  # sets up
    taken: list[float] = []
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        at = time.perf_counter()
        _ask(server.address, user_ids[len(taken) % len(user_ids)])
        taken.append(1_000 * (time.perf_counter() - at))
    return {"slates_per_second": len(taken) / (time.perf_counter() - began), "milliseconds": quantiles(np.array(taken))}


def _ask(address: Address, user_id: str) -> None:
    status, body = ask(address, "POST", "/invocations", {"dataframe_records": [{"user_id": user_id}]})
    if status != http.client.OK:
        raise RunFailed(f"mlflow models serve answered {status}: {body[:300].decode(errors='replace')}")
    if not json.loads(body).get("predictions"):
        raise RunFailed("mlflow models serve answered with no slate")
