"""What Prometheus reads of the app: counted on the way, in a registry of its own."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from ml.serving.contract import ServedSlate
from ml.serving.http.histograms import Histograms
from ml.serving.http.service import DomainService, Receipt

SECONDS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
NONE = "none"
MOST_LABELS = 1_000
_LEFT_OUT = ("version", "freshness_seconds")  # which have gauges of their own


class Metrics:
    """Counters, histograms and gauges of one app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = self._histogram("slate_request_seconds", "Time of a request.", ("route", "status"))
        self._stages = self._histogram("slate_stage_seconds", "Time of a stage of a slate.", ("domain", "stage"))
        self._slates = self._counter(
            "slate_slates", "Slates answered.", ("domain", "placement", "degraded", "shortfall")
        )
        self._events = self._counter("slate_events", "Events by what became of them.", ("domain", "outcome"))
        self.shed = self._counter("slate_shed", "Slate requests turned away as too many were under way.", ("domain",))
        self.limited = self._counter("slate_rate_limited", "Requests of clients that asked too often.", ())
        self.errors = self._counter("slate_errors", "Requests that failed by our fault.", ("route",))
        self.unlogged = self._counter("slate_impressions_lost", "Slates whose impression was not kept.", ("domain",))
        self._version = self._gauge("slate_model_version", "Version of the model that answers.", ("domain",))
        self._fresh = self._gauge("slate_freshness_seconds", "From an event's acceptance to its effect.", ("domain",))
        self._ready = self._gauge("slate_ready", "1: slates can be answered.", ("domain",))
        self._facts = self._gauge("slate_fact", "Further numbers that the domain tells.", ("domain", "name"))

        # Finding the numbers of some labels takes longer than counting.
        self._of_slates = lru_cache(MOST_LABELS)(self._slates.labels)

    def _histogram(self, name: str, text: str, labels: tuple[str, ...]) -> Histograms:
        histograms = Histograms(name, text, labels, SECONDS)
        self.registry.register(histograms)
        return histograms

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: tuple[str, ...]) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def request(self, route: str, status: int, seconds: float) -> None:
        """One request was answered; `route` is the address as declared, not as asked for."""
        self._requests.observe((route, str(status)), seconds)

    def slate(self, slate: ServedSlate) -> None:
        """One slate was made."""
        domain = slate.domain
        self._of_slates(domain, slate.placement, slate.degraded or NONE, slate.shortfall or NONE).inc()
        for stage, milliseconds in slate.timings_ms.items():
            self._stages.observe((domain, stage), milliseconds / 1e3)

    def taken_in(self, domain: str, receipt: Receipt) -> None:
        """Events were accepted."""
        self._events.labels(domain, "accepted").inc(receipt.accepted)
        self._events.labels(domain, "duplicate").inc(receipt.duplicates)

    def events_refused(self, domain: str, outcome: str, events: int = 1) -> None:
        """Events were not taken in: `refused` (a call that is wrong, counted once) or `not_durable`."""
        self._events.labels(domain, outcome).inc(events)

    def text(self, services: Iterable[DomainService], facts: Mapping[str, Mapping[str, Any]]) -> bytes:
        """All of it as Prometheus reads it.

        Args:
            services: Asked for version and readiness.
            facts: What each domain tells of itself.
        """
        for service in services:
            self._describe(service, facts.get(service.domain, {}))
        return generate_latest(self.registry)

    def _describe(self, service: DomainService, facts: Mapping[str, Any]) -> None:
        self._version.labels(service.domain).set(service.version or 0)
        self._ready.labels(service.domain).set(service.ready() is None)
        numbers = {name: value for name, value in facts.items() if isinstance(value, int | float)}
        if "freshness_seconds" in numbers:
            self._fresh.labels(service.domain).set(numbers["freshness_seconds"])
        for name in numbers.keys() - set(_LEFT_OUT):
            self._facts.labels(service.domain, name).set(numbers[name])
