"""Opening the online side of a domain where the settings say."""

from pathlib import Path
from typing import Literal, overload

from ml.errors import BadInput
from ml.serving.engine.clock import Clock, system_clock
from ml.serving.online.contract import Store
from ml.serving.online.event_log import EventLog
from ml.serving.online.live import Live, LiveView
from ml.settings import settings


def online_folder(domain: str) -> Path:
    """Where a domain's event log and embedded store lie."""
    return settings().domain_path("serving", domain)


def log_folder(domain: str) -> Path:
    """Where a domain's event log lies."""
    return online_folder(domain) / "log"


@overload
def open_live(domain: str, *, reader: Literal[False] = False, now: Clock = ...) -> Live: ...
@overload
def open_live(domain: str, *, reader: Literal[True], now: Clock = ...) -> LiveView: ...
def open_live(domain: str, *, reader: bool = False, now: Clock = system_clock) -> LiveView:
    """The online side of a domain; `close` it, or use it as a context.

    Args:
        domain: Whose.
        reader: Another process takes events in; this one reads what the store knows.
        now: The server's clock: an event may not lie far ahead of it.

    Raises:
        BadInput: Another process writes this domain's events, or `SLATE_ONLINE_STORE` names no store.
        RunFailed: The log is corrupt in its middle, or another log fills the store.
    """
    seconds = settings().store_timeout_ms / 1000
    if reader:
        return LiveView(open_store(domain, reader=True), seconds)
    log = EventLog(log_folder(domain))
    try:
        return Live(log, open_store(domain), seconds, now)
    except BaseException:
        log.close()
        raise


def open_store(domain: str, *, reader: bool = False) -> Store:
    """The store of a domain; its reads raise `StoreGone` until the event log has filled it."""
    address = settings().online_store
    if address is None:
        from ml.serving.online.lmdb_store import LmdbStore

        return LmdbStore(online_folder(domain) / "store", reader=reader, only_filled=True)
    url = address.get_secret_value()
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise BadInput(
            "SLATE_ONLINE_STORE is no address of a Redis server, such as redis://host:6379/0: leave it out for the embedded store"
        )
    from ml.serving.online.redis_store import RedisStore

    return RedisStore(url, f"slate:{{{domain}}}", only_filled=True, seconds=settings().store_timeout_ms / 1000)
