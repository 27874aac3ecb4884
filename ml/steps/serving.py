"""Serving as a step: the services of some domains, opened from the registry and the settings."""

import gc
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

from ml.domains import Domain, get_domain
from ml.errors import RunFailed
from ml.logs import get_logger
from ml.serving.engine.clock import Clock, ClockName, DataClock, system_clock
from ml.serving.engine.engine import Budget, SlateEngine
from ml.serving.engine.following import EVERY, Follower
from ml.serving.engine.profiles import Profiles
from ml.serving.engine.release import Release
from ml.serving.impressions import ImpressionLog
from ml.serving.large_pages import use_large_pages
from ml.serving.online.live import LiveView
from ml.serving.online.opening import online_folder, open_live
from ml.serving.service import Service
from ml.steps.promotion import open_version
from ml.tracking import registry

OLD_DAYS = 60
SWITCH_SECONDS = 0.0005  # for which one thread keeps the interpreter: the event loop must not wait for a batch
# Objects more than before, after which garbage is looked for among them: fewer are in use by requests under way. How
# often that comes before those are looked through that were kept lately, and how often this before all are: a pause.
YOUNG, LATELY, EVER = 10_000, 2, 50
BUDGET = Budget()
log = get_logger(__name__)


def serve(
    domains: Sequence[str], host: str, port: int, *, clock: ClockName = "system", reader: bool = False,
    per_second: float | None = 2_000, human_log: bool = False, announce: Callable[[str], None] = print, stopping: threading.Event | None = None,
) -> None:  # fmt: skip
    """Serve the champions of some domains over HTTP until the process is told to stop.

    Args:
        domains: Names of declared domains.
        host: An address of this machine; any but loopback needs tokens in the environment.
        port: 0: any that is free.
        clock: `system`, or `data` for historic data, whose time goes on from where they end.
        reader: Another process takes these domains' events; this one reads them.
        per_second: Requests of one client; None: as many as it likes.
        human_log: Lines for people in place of JSON.
        announce: Told the address once it is bound.
        stopping: Set it to stop from another thread.

    Raises:
        BadInput: A domain is not declared, the address cannot be served, or another process takes the events.
        RunFailed: A domain has no champion, or its bundle is not what was sealed.
    """
    from ml.serving.http.limits import Limits
    from ml.serving.http.server import serve as serve_http

    sys.setswitchinterval(SWITCH_SECONDS)

    with open_services(domains, clock=clock, reader=reader) as services:
        limits = Limits(per_second=per_second)
        settle()
        use_large_pages()
        serve_http(services, host, port, limits=limits, human_log=human_log, stopping=stopping, announce=announce)


def settle() -> None:
    """Look for garbage among what was opened once, now: again and again, it would make requests wait.

    What is garbage by now, such as what compiling left behind, would stay for ever with all that it holds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, LATELY, EVER)


@contextmanager
def open_services(
    domains: Sequence[str], *, clock: ClockName = "system", reader: bool = False, every: float = EVERY,
    budget: Budget = BUDGET,
) -> Iterator[Mapping[str, Service]]:  # fmt: skip
    """The services of some domains, by name; closed afterwards, whatever happens."""
    with ExitStack() as stack:
        found = {}
        for name in dict.fromkeys(domains):
            service = open_service(name, clock=clock, reader=reader, every=every, budget=budget)
            stack.callback(service.close)
            found[name] = service
        yield found


def open_service(
    domain: str, *, clock: ClockName = "system", reader: bool = False, every: float = EVERY, budget: Budget = BUDGET
) -> Service:
    """One domain's service; `close` it."""
    declared, now = get_domain(domain), DataClock() if clock == "data" else system_clock
    with ExitStack() as stack:
        live: LiveView = open_live(domain, reader=True) if reader else open_live(domain, now=now)
        stack.callback(live.close)
        follower = Follower(
            declared, partial(registry.champion_number, domain), partial(_engine, declared, live, now, budget), every
        )
        if not follower.look():
            raise RunFailed(f"{domain} has no champion to serve. Train and promote one: slate demo --domain {domain}")
        impressions = ImpressionLog(online_folder(domain) / "impressions")
        stack.callback(impressions.close)
        service = Service(declared, follower, live, impressions, now)
        stack.pop_all()
    return service


def _engine(
    declared: Domain, live: LiveView, clock: Clock, budget: Budget, number: int, let_others: Callable[[], object]
) -> SlateEngine:
    """A version's engine; the bundle's files are checked on the way."""
    bundle = open_version(declared.name, registry.version_of(declared.name, number), let_others)
    as_of = bundle.snapshot.as_of
    if isinstance(clock, DataClock):
        clock.reach(as_of)
    elif (days := (clock() - as_of) / 86_400e6) > OLD_DAYS:
        log.warning("the data of %s end %.0f days ago: historic data are served with --clock data", declared.name, days)
    release = Release.of(declared, number, bundle)
    return SlateEngine(release, Profiles(release, live), clock, budget, _failed)


def _failed(retriever: str, error: Exception) -> None:
    log.error("the retriever %s failed and is left out: %s: %s", retriever, type(error).__name__, error)
