"""What every route works with."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from ml.domains import DOMAINS, Domain
from ml.serving.beside import let_slates_first
from ml.serving.http.answers import Refused
from ml.serving.http.limits import Limits
from ml.serving.http.metrics import Metrics
from ml.serving.http.protection import Hosts, RateLimit, Shield, Tokens
from ml.serving.http.request_log import RequestLog
from ml.serving.http.service import DomainService

T = TypeVar("T")


@dataclass(frozen=True)
class Context:
    """Services and guards of one app.

    Attributes:
        services: By the name of their domain.
        domains: Declared domains, by name.
        tokens: What writers and administrators show.
        hosts: By which names it may be asked.
        limits: What clients may ask for.
        log: Where requests are told.
    """

    services: Mapping[str, DomainService]
    domains: Mapping[str, Domain] = field(default_factory=lambda: DOMAINS)
    tokens: Tokens = field(default_factory=Tokens)
    hosts: Hosts = field(default_factory=Hosts)
    limits: Limits = field(default_factory=Limits)
    log: RequestLog = field(default_factory=RequestLog)
    metrics: Metrics = field(default_factory=Metrics)
    shield: Shield = field(init=False)
    rates: RateLimit = field(init=False)
    threads: ThreadPoolExecutor = field(init=False)
    slow: ThreadPoolExecutor = field(init=False)  # for what takes many times as long as a slate

    def __post_init__(self) -> None:
        limits = self.limits
        object.__setattr__(self, "shield", Shield(limits.slates, limits.retry_after))
        object.__setattr__(self, "rates", RateLimit(limits.per_second, limits.burst, limits.clients))
        object.__setattr__(self, "threads", ThreadPoolExecutor(limits.threads, "slate-http"))
        object.__setattr__(self, "slow", ThreadPoolExecutor(1, "slate-slow", initializer=let_slates_first))

    def service(self, domain: str) -> DomainService:
        """The service of a domain; raises `Refused` (404) for one that is not served."""
        if domain not in self.services:
            raise Refused(404, "domain", f"no domain {domain[:64]!r} is served here", f"Name one of: {self._served}.")
        return self.services[domain]

    @property
    def _served(self) -> str:
        return ", ".join(sorted(self.services))

    async def in_thread(self, call: Callable[..., T], *arguments: Any, slow: bool = False) -> T:
        """A blocking call, away from the event loop; slow ones one after the other."""
        threads = self.slow if slow else self.threads
        return await asyncio.get_running_loop().run_in_executor(threads, partial(call, *arguments))
