"""An hour of ordinary use: whether memory or latency drift while events, items and champions come and go."""

import contextvars
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from ml.data.arrays import Bools
from ml.domains import get_domain
from ml.errors import RunFailed
from ml.logs import get_logger
from ml.serving.load.generator import Offered
from ml.serving.load.summary import OK, summarise
from ml.serving.load.traffic import People, Traffic
from ml.steps.measuring import machine
from ml.steps.serving_home import measured_home, move, twin_of
from ml.steps.serving_process import (
    OWN_CORE,
    Server,
    ask,
    cores,
    on_cores,
    serving,
    slate_command,
    wait_for,
    wait_until_prepared,
)
from ml.steps.serving_trials import Document, Trials, mixed
from ml.tracking import registry

SHARE = 0.4  # of saturation
TRIAL_SECONDS = 5.0  # of the trials that find it
SWAP_MINUTES = 10  # between two moves of the champion
WARM_UP = 0.1  # of the minutes, at least one: caches fill
MEMORY_GROWTH, LATENCY_GROWTH = 1.10, 1.50  # most: the last third of the minutes against the first
log = get_logger(__name__)


@dataclass(frozen=True)
class Soak:
    """What is run."""

    domain: str
    minutes: int = 60
    rate: float | None = None  # requests a second; None: 40 % of saturation, which is looked for first
    minute_seconds: float = 60.0
    seed: int = 7


def bench_soak(soak: Soak) -> Document:
    """Mixed load on `slate serve` with an item told every minute and the champion moved every ten.

    Returns:
        `domain`, `rate`, `machine`, `champion`, `minutes` (see `run_minutes`), `verdicts` (each with `name`,
        `measured`, `limit` and `met`) and `passed`.

    Raises:
        RunFailed: There is no champion, or the server does not start.
        BadInput: The registry is not a file of this home.
    """
    with measured_home("soak") as home:
        version = registry.require(registry.version_at(soak.domain, "champion"), "champion")
        people = People.of_bundle(registry.bundle_of(soak.domain, version))
        traffic = Traffic(get_domain(soak.domain), people, seed=soak.seed, run=f"soak-{time.time_ns()}")
        versions, moves = [twin_of(soak.domain, version), version.number], count()

        def swap() -> None:
            move(soak.domain, versions[next(moves) % len(versions)])

        on = cores()
        with on_cores(on[:1]), _server(soak.domain, home, on[-1:]) as server:
            wait_for(server, home / "server.log", "POST", f"/v1/{soak.domain}/slates", traffic.bodies[0])
            wait_until_prepared(server)
            trials = Trials((server.address,), mixed(traffic), TRIAL_SECONDS, count(soak.seed))
            rate = soak.rate or SHARE * trials.saturation()
            if not rate:
                raise RunFailed("the server does not hold one request a second: give a --rate")
            minutes = run_minutes(server, replace(trials, seconds=soak.minute_seconds), rate, soak, swap)
    verdicts = judged(minutes)
    return {
        "domain": soak.domain, "rate": rate, "minute_seconds": soak.minute_seconds, "machine": machine(),
        "champion": version.number, "minutes": minutes, "verdicts": verdicts, "passed": all(each["met"] for each in verdicts),
    }  # fmt: skip


def _server(domain: str, home: Path, on: Sequence[int]) -> Any:
    environment = {"SLATE_HOME": str(home), **OWN_CORE}
    return serving(slate_command(domain), on, home / "server.log", environment)


def run_minutes(
    server: Server, trials: Trials, rate: float, soak: Soak, swap: Callable[[], None]
) -> list[dict[str, Any]]:
    """Load for so many minutes.

    Returns:
        For each: `minute` (from 1), `slates`, `events` (acknowledged), `items` (told), `swapped`, `p50_ms`, `p99_ms`,
        `shed`, `failed`, `given_up`, `degraded`, `versions`, `rss_mb`, `open_files`, `threads`.
    """
    rows = []
    for minute in range(1, soak.minutes + 1):
        swapped = minute % SWAP_MINUTES == 0
        beside = _Beside(server, soak.domain, f"soak-item-{minute}", swap if swapped else None)
        thread = threading.Thread(target=contextvars.copy_context().run, args=(beside.run,))
        thread.start()
        offered, slates = trials.run(rate)
        thread.join()
        rows.append(
            {
                "minute": minute,
                "swapped": swapped,
                "items": sum(beside.told),
                **_minute(server, offered, slates, trials),
            }
        )
        log.info("%s", rows[-1])
    return rows


def _minute(server: Server, offered: Offered, slates: Bools, trials: Trials) -> dict[str, Any]:
    found = summarise(offered, slates, trials.seconds)
    events = int((~slates & (offered.status >= OK) & (offered.status < 300)).sum())
    kept = {name: found[name] for name in ("slates", "shed", "failed", "given_up", "degraded", "versions")}
    latency = {"p50_ms": found["latency_ms"]["p50"], "p99_ms": found["latency_ms"]["p99"]}
    return {**kept, "events": events, **latency, "rss_mb": server.memory()["rss_mb"], **server.handles()}


@dataclass
class _Beside:
    """What happens beside the load of one minute."""

    server: Server
    domain: str
    item: str
    swap: Callable[[], None] | None
    told: list[bool] = field(default_factory=list)  # whether each item was taken in

    def run(self) -> None:
        status, _ = ask(
            self.server.address, "PUT", f"/v1/{self.domain}/items/{self.item}", {"name": self.item, "price": 1.0}
        )
        self.told.append(200 <= status < 300)
        if self.swap is not None:
            self.swap()


def judged(minutes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Whether anything drifted: medians of the last third of the minutes against those of the first, after warm-up.

    Returns:
        `name`, `measured`, `limit` and `met` of each.
    """
    warm = minutes[max(1, round(WARM_UP * len(minutes))) :] if len(minutes) > 1 else minutes
    third = max(1, len(warm) // 3)
    first, last = warm[:third], warm[-third:]
    events = sum(row["events"] for row in minutes)
    failed = sum(row["failed"] for row in minutes)
    return [
        _at_most("memory, last third against the first", _ratio(first, last, "rss_mb"), MEMORY_GROWTH),
        _at_most("p99, last third against the first", _ratio(first, last, "p99_ms"), LATENCY_GROWTH),
        _at_most("answers that are neither slates, receipts nor sheds", float(failed), 0.0),
        {"name": "events acknowledged", "measured": float(events), "limit": "at least 1", "met": events > 0},
        {"name": "items told", "measured": float(sum(row["items"] for row in minutes)), "limit": f"{len(minutes)}",
         "met": sum(row["items"] for row in minutes) == len(minutes)},
    ]  # fmt: skip


def _ratio(first: Sequence[dict[str, Any]], last: Sequence[dict[str, Any]], name: str) -> float | None:
    """Of medians; None where nothing was answered."""
    early, late = ([row[name] for row in rows if row[name] is not None] for rows in (first, last))
    return float(np.median(late) / np.median(early)) if early and late else None


def _at_most(name: str, measured: float | None, limit: float) -> dict[str, Any]:
    return {
        "name": name,
        "measured": measured,
        "limit": f"at most {limit:g}",
        "met": measured is not None and measured <= limit,
    }
