"""Serve the app in this process until it is told to stop."""

import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from uvicorn import Config, Server

from ml.errors import BadInput
from ml.serving.beside import let_a_batch_end
from ml.serving.http.app import create_app
from ml.serving.http.connection import IDLE_SECONDS, READ_SECONDS, Connection
from ml.serving.http.context import Context
from ml.serving.http.door import Door
from ml.serving.http.limits import Limits
from ml.serving.http.protection import Hosts, Tokens
from ml.serving.http.request_log import RequestLog
from ml.serving.http.service import DomainService
from ml.settings import settings

BACKLOG = 2048
LOG_SECONDS = 0.05  # for which lines of the log wait to be written together
GRACE_SECONDS = 30  # in which requests under way are finished once the server is told to stop


def serve(
    services: Mapping[str, DomainService],
    host: str = "127.0.0.1",
    port: int = 8080,
    *,
    limits: Limits | None = None,
    human_log: bool = False,
    announce: Callable[[str], None] = lambda address: print(address, file=sys.stderr, flush=True),  # noqa: T201
    stopping: threading.Event | None = None,
) -> None:
    """Serve until SIGTERM, SIGINT or `stopping`; requests under way are finished.

    Args:
        services: By the name of their domain.
        host: An address of this machine; any but loopback needs the tokens of `ml.settings`.
        port: 0: any that is free.
        limits: What clients may ask for.
        human_log: Lines for people in place of JSON.
        announce: Told the address once it is bound; the default writes it to standard error.
        stopping: Set it to stop the server from another thread.

    Raises:
        BadInput: The address is taken, is none of this machine, or would let others write without a token.
    """
    tokens = Tokens(settings().write_token, settings().admin_token)
    tokens.check_host(host)
    hosts, log = Hosts(host, settings().hosts.split(",")), RequestLog(human=human_log, within=LOG_SECONDS)
    context = Context(services, tokens=tokens, hosts=hosts, limits=limits or Limits(), log=log)
    with _bound(host, port) as listener, context.threads, context.slow:
        let_a_batch_end()
        announce(_address(listener, host))
        _Server(_config(context), stopping).run(sockets=[listener])
    log.flush()


def _config(context: Context, read_seconds: float = READ_SECONDS) -> Config:
    changed = {"read_seconds": read_seconds, "door": Door(context)}
    connection = type("ThisServersConnection", (Connection,), changed)
    return Config(
        create_app(context),
        http=connection,
        loop="asyncio" if sys.platform == "win32" else "uvloop",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # the limit of rates counts whoever connects, not whom they say they are
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        backlog=BACKLOG,
    )


class _Server(Server):
    """uvicorn's server, which returns when it was told to stop: by itself, it would raise the signal once more."""

    def __init__(self, config: Config, stopping: threading.Event | None) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or (self._stopping is not None and self._stopping.is_set())

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            yield
            self._captured_signals.clear()


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise BadInput(f"{host}:{port} cannot be served: {error.strerror or error}; choose another port") from error
        listener.listen(BACKLOG)  # whoever is told the address may connect at once
        yield listener


def _address(listener: socket.socket, host: str) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}"
