"""Runs of load against servers: one rate, the rate they hold, and how they come back from too much."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Protocol

import numpy as np

from ml.data.arrays import Bools
from ml.logs import get_logger
from ml.serving.load.arrivals import poisson
from ml.serving.load.connections import Address, post
from ml.serving.load.generator import Offered, Request, offer
from ml.serving.load.saturation import find_saturation
from ml.serving.load.summary import OK, summarise
from ml.serving.load.traffic import Traffic, told

MOST_MS = 100.0  # p99 from the intended moment, up to which a rate is held
MOST_DEGRADED = 0.01  # share of the slates, up to which a rate is held
FIRST_RATE, HIGHEST_RATE = 64.0, 16_384.0  # requests a second
PRECISION = 0.05
TRIES = 2  # for a rate: one answer that is late by chance does not settle what is held
PATIENCE = 2.0  # seconds that users wait
QUIET_MS, QUIET_ANSWERS = 50.0, 20  # answered so soon so often in a row, it has recovered
Document = dict[str, Any]
log = get_logger(__name__)


class Asking(Protocol):
    """What is asked in one run."""

    def __call__(self, requests: int, seed: int) -> tuple[Request, Bools]:
        """Makes each request of its number, and says which of them ask for slates."""


def mixed(traffic: Traffic) -> Asking:
    """Slates and events as the traffic mixes them; every run has events of its own."""

    def asking(requests: int, seed: int) -> tuple[Request, Bools]:
        drawn = replace(traffic, run=f"{traffic.run}-{seed}")
        slates = drawn.asks_for_slates(requests)
        return drawn.request(slates), slates

    return asking


def invocations(user_ids: Sequence[str | None]) -> Asking:
    """One slate each for these users in turn, as `mlflow models serve` is asked."""
    bodies = [post("/invocations", _records(user_id)) for user_id in user_ids]

    def asking(requests: int, seed: int) -> tuple[Request, Bools]:  # noqa: ARG001 - the same users in every run
        return lambda number: bodies[number % len(bodies)], np.ones(requests, bool)

    return asking


def _records(user_id: str | None) -> bytes:
    return json.dumps({"dataframe_records": [{"user_id": user_id}]}).encode()


@dataclass(frozen=True)
class Trials:
    """Load on some servers; every run draws anew."""

    addresses: tuple[Address, ...]
    asking: Asking
    seconds: float
    seeds: "count[int]"

    def run(
        self, rate: float, seconds: float | None = None, begun: Callable[[], object] | None = None
    ) -> tuple[Offered, Bools]:
        """Offer load at a rate (requests a second); `begun` is called when it begins."""
        seed = next(self.seeds)
        moments = poisson(rate, seconds or self.seconds, seed)
        request, slates = self.asking(len(moments), seed)
        return offer(self.addresses, moments, request, keep=told, patience=PATIENCE, begun=begun), slates

    def measure(self, rate: float, seconds: float | None = None) -> Document:
        """The same, summarised."""
        offered, slates = self.run(rate, seconds)
        found = summarise(offered, slates, seconds or self.seconds)
        log.info("%.0f/s: p99 %s ms, statuses %s", rate, found["latency_ms"]["p99"], found["statuses"])
        return found

    def saturation(self, first: float = FIRST_RATE, least: float = 1.0) -> float:
        """The highest rate (requests a second) that is held in one of `TRIES` runs; 0: none is."""
        return find_saturation(self._held, start=first, highest=HIGHEST_RATE, precision=PRECISION, least=least)

    def _held(self, rate: float) -> bool:
        return any(held(self.measure(rate)) for _ in range(TRIES))


def held(found: Mapping[str, Any]) -> bool:
    """Whether everything was answered, soon, and by the ranker: what steps back to the cheap path is not held."""
    high = found["latency_ms"]["p99"]
    whole = not (found["shed"] or found["failed"] or found["given_up"]) and found["degraded"] <= MOST_DEGRADED
    return whole and high is not None and high < MOST_MS


def recovery(ask_once: Callable[[], tuple[int, float]], clock: Callable[[], float], most: float = 60.0) -> float | None:
    """Seconds until answers come at once again, several in a row; None: they did not.

    Args:
        ask_once: Asks, waits, and returns the status and milliseconds.
        clock: Seconds.
        most: Seconds after which it is no recovery.
    """
    began, row, since = clock(), 0, 0.0
    while (now := clock() - began) < most:
        status, took = ask_once()
        if status == OK and took < QUIET_MS:
            since = now if row == 0 else since
            row += 1
            if row == QUIET_ANSWERS:
                return since
        else:
            row = 0
    return None
