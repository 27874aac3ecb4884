"""How fast the server answers on this machine, beside MLflow's own server and beside what nobody can do without."""

import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from ml.artifacts import manifest
from ml.domains import get_domain
from ml.errors import RunFailed
from ml.logs import get_logger
from ml.serving.load.summary import QUANTILES
from ml.serving.load.traffic import People, Traffic
from ml.steps.measuring import machine, pace_ms
from ml.steps.promotion import open_version
from ml.steps.serving_aims import aims
from ml.steps.serving_home import measured_home, move, twin_of
from ml.steps.serving_in_process import measure_engine
from ml.steps.serving_limit import measure_limit
from ml.steps.serving_mlflow import measure_mlflow
from ml.steps.serving_phases import Freshness, overload, swap
from ml.steps.serving_process import (
    OWN_CORE,
    Server,
    cores,
    free_port,
    on_cores,
    serving,
    slate_command,
    wait_for,
    wait_until_prepared,
)
from ml.steps.serving_trials import MOST_MS, Document, Trials, mixed
from ml.tracking import registry
from ml.tracking.registry import Version

SHARES = (0.25, 0.5, 0.75)  # of saturation
TIMES_OVER = 10
HIGHEST_OFFERED = 20_000.0  # requests a second that the generator is trusted with
CPU_INFO = Path("/proc/cpuinfo")
log = get_logger(__name__)


@dataclass(frozen=True)
class Plan:
    """What is measured, and for how long."""

    domain: str
    seconds: float = 10.0  # of a trial
    rounds: int = 3  # trials at each share of saturation
    overload_seconds: float = 60.0  # 0: none
    mlflow: bool = True
    seed: int = 7


def bench_serving(plan: Plan) -> Document:
    """Measure `slate serve` of the champion, on the last core of this machine, with load from the first.

    It works on a copy of the registry in `SLATE_HOME/bench/serving`, removed at the end: made-up events and moves of
    the champion do not reach the real one.

    Returns:
        `machine`, `champion`, `mix`, `command`, `cold_start`, `saturation`, `loads`, `swap`, `freshness`, `two`,
        `overload`, `mlflow`, `limit`, `engine` (see the functions that measure each; None: not measured) and `aims`.

    Raises:
        RunFailed: There is no champion, or the server does not start.
        BadInput: The registry is not a file of this home.
    """
    with measured_home("serving") as home:
        version = registry.require(registry.version_at(plan.domain, "champion"), "champion")
        bundle = registry.bundle_of(plan.domain, version)
        traffic = Traffic(get_domain(plan.domain), People.of_bundle(bundle), seed=plan.seed, run=f"bench-{plan.seed}")
        found = {
            **_described(plan, version, bundle, traffic),
            **_Measured(plan, home, traffic, version, tuple(cores())).all(),
        }
        users = [body["user_id"] for body in traffic.bodies]
        found["mlflow"] = _of_mlflow(plan, home, users) if plan.mlflow else None
        opened = open_version(plan.domain, version)
        log.info("the limit: index, features and ranker alone")
        found["limit"] = measure_limit(opened, users, cores()[-1])
        log.info("the engine alone")
        found["engine"] = measure_engine(get_domain(plan.domain), version.number, opened, traffic.bodies, cores()[-1])
    return {**found, "aims": aims(found)}


def _described(plan: Plan, version: Version, bundle: Path, traffic: Traffic) -> Document:
    sealed = manifest(bundle)
    champion = {"model": get_domain(plan.domain).registered_model, "version": version.number, "seal": sealed["seal"],
                "as_of": sealed["as_of"], "users": len(traffic.people.users), "items": len(traffic.people.items)}  # fmt: skip
    return {
        "domain": plan.domain, "command": shlex.join(["slate", *sys.argv[1:]]), "seconds": plan.seconds, "rounds": plan.rounds,
        "machine": {**machine(), "model": cpu_model(), "load": os.getloadavg()[0]}, "champion": champion,
        "mix": traffic.mix.model_dump(), "limit_ms": MOST_MS,
    }  # fmt: skip


def cpu_model() -> str:
    """What the processor calls itself."""
    lines = CPU_INFO.read_text(encoding="utf-8").splitlines() if CPU_INFO.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


@dataclass(frozen=True)
class _Measured:
    """The phases that need a running server."""

    plan: Plan
    home: Path
    traffic: Traffic
    version: Version
    on: tuple[int, ...]  # cores of this machine: load comes from the first, the server has the last

    @property
    def path(self) -> str:
        return f"/v1/{self.plan.domain}/slates"

    def all(self) -> Document:
        """Every phase, one after the other."""
        seeds, body = count(self.plan.seed), self.traffic.bodies[0]
        with on_cores(self.on[:1]), self._server("server", self.on[-1:]) as server:
            found: Document = {"cold_start": wait_for(server, self.home / "server.log", "POST", self.path, body)}
            found["prepared"] = wait_until_prepared(server)
            trials = Trials((server.address,), mixed(self.traffic), self.plan.seconds, seeds)
            trials.measure(20.0, min(self.plan.seconds, 5.0))  # compiles and fills caches
            rate = _saturated(trials)
            found |= {"memory": {"idle": server.memory()}, "saturation": trials.measure(rate)}
            found["loads"] = [self._load(trials, server, rate, share) for share in SHARES]
            found["freshness"] = Freshness(server, self.traffic).measure()
            found["swap"] = self._swap(trials, rate / 2)
            found["overload"] = self._overload(trials, server, rate, body)
            found["memory"]["loaded"] = server.memory()
            found["two"] = self._two(server, seeds)
        return found

    def _server(self, name: str, on: Sequence[int], *more: str) -> Any:
        alone = OWN_CORE if list(on) != list(self.on[:1]) else {}  # the first one is the generator's too
        environment = {"SLATE_HOME": str(self.home), **alone}
        return serving(slate_command(self.plan.domain, *more), on, self.home / f"{name}.log", environment)

    def _load(self, trials: Trials, server: Server, rate: float, share: float) -> Document:
        wait_until_prepared(server)  # for those as well who did something while more was asked than it can bear
        rounds = [{"pace_ms": self._pace(), **trials.measure(rate * share)} for _ in range(self.plan.rounds)]
        return {"share": share, "rate": rate * share, **across(rounds)}

    def _pace(self) -> float:
        with on_cores(self.on[-1:]):
            return pace_ms()

    def _swap(self, trials: Trials, rate: float) -> Document:
        twin = twin_of(self.plan.domain, self.version)
        return swap(trials, rate, lambda: move(self.plan.domain, twin), twin)

    def _overload(self, trials: Trials, server: Server, rate: float, body: Document) -> Document | None:
        if not self.plan.overload_seconds:
            return None
        offered = min(TIMES_OVER * rate, HIGHEST_OFFERED)
        return overload(trials, server, offered, self.plan.overload_seconds, body, self.path)

    def _two(self, first: Server, seeds: "count[int]") -> Document:
        """Two processes, the second on the generator's core; slates alone, as one process takes the events of all."""
        if len(self.on) < 2:
            return {"reason": "there is one core alone"}
        try:
            with ExitStack() as stack:
                second = stack.enter_context(self._server("second", self.on[:1], "--reader"))
                wait_for(second, self.home / "second.log", "POST", self.path, self.traffic.bodies[0])
                wait_until_prepared(second)
                slates_alone = replace(self.traffic, mix=self.traffic.mix.model_copy(update={"events": 0.0}))
                both = Trials((first.address, second.address), mixed(slates_alone), self.plan.seconds, seeds)
                return both.measure(_saturated(both))
        except RunFailed as error:
            return {"reason": str(error)}


def _saturated(trials: Trials) -> float:
    rate = trials.saturation()
    if not rate:
        raise RunFailed(f"the server does not hold one request a second with a p99 below {MOST_MS:.0f} ms")
    return rate


def across(rounds: Sequence[Document]) -> Document:
    """The median of each figure over rounds, and the least and most of the p99 and of the machine's pace."""
    stages, pace = list(rounds[0]["stages_ms"]), [each["pace_ms"] for each in rounds]
    p99 = [each["latency_ms"]["p99"] for each in rounds if each["latency_ms"]["p99"] is not None]
    return {
        "slates_per_second": _middle([each["slates_per_second"] for each in rounds]),
        "latency_ms": {name: _middle([each["latency_ms"][name] for each in rounds]) for name in QUANTILES},
        "p99_range_ms": [min(p99, default=None), max(p99, default=None)], "pace_range_ms": [min(pace), max(pace)],
        "lag_ms": {name: _middle([each["lag_ms"][name] for each in rounds]) for name in QUANTILES},
        "shed": sum(each["shed"] for each in rounds), "failed": sum(each["failed"] for each in rounds),
        "degraded": _middle([each["degraded"] for each in rounds]),
        "stages_ms": {stage: {name: _middle([each["stages_ms"][stage][name] for each in rounds]) for name in QUANTILES} for stage in stages},
    }  # fmt: skip


def _middle(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None


def _of_mlflow(plan: Plan, home: Path, users: list[str]) -> Document:
    log.info("mlflow models serve")
    with on_cores(cores()[:1]):
        return measure_mlflow(plan.domain, users, cores()[-1], home / "mlflow.log", free_port(), plan.seconds)
