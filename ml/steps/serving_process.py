"""A server under measurement: a child on cores of its own, and what it holds."""

import http.client
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from ml.errors import RunFailed
from ml.memory import MEGABYTE
from ml.serving.load.connections import Address
from ml.settings import PROJECT_ROOT

LOOPBACK = "127.0.0.1"
START_SECONDS = 120.0
PREPARE_SECONDS = 600.0
UNPREPARED = re.compile(r'slate_fact\{[^}]*name="unprepared"[^}]*\} (\S+)')
GRACE_SECONDS = 15.0
PAUSE_SECONDS = 0.005  # between two looks
ONE_THREAD = dict.fromkeys(("SLATE_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
OWN_CORE = {"SLATE_OWN_CORES": "true"}  # for a server that is pinned to one that nobody else is on


@dataclass(frozen=True)
class Server:
    """A started server."""

    process: "subprocess.Popen[str]"
    address: Address
    began: float  # `time.perf_counter` when the process was started

    def memory(self) -> dict[str, float]:
        """Megabytes that it and its children hold: `rss`, and `pss`, which counts shared pages in part."""
        family = self._family()
        held = [process.memory_full_info() for process in family]
        pss = sum(getattr(each, "pss", each.rss) for each in held)
        return {"rss_mb": sum(each.rss for each in held) / MEGABYTE, "pss_mb": pss / MEGABYTE}

    def handles(self) -> dict[str, int]:
        """Open files (sockets among them) and threads."""
        family = self._family()
        return {
            "open_files": sum(each.num_fds() for each in family),
            "threads": sum(each.num_threads() for each in family),
        }

    def _family(self) -> list[psutil.Process]:
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]


def cores() -> list[int]:
    """The cores that may be used, in order."""
    return sorted(os.sched_getaffinity(0))


def free_port() -> int:
    """A port on loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


@contextmanager
def on_cores(wanted: Sequence[int]) -> Iterator[None]:
    """Keep this thread, and what it starts, on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, wanted)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def slate_command(domain: str, *more: str) -> list[str]:
    """How `slate serve` is started on a port that it finds itself and tells in its first line.

    At the time at which the champion's data end, whenever that was; and whoever sends load may send any rate.
    """
    told = ["--domain", domain, "--port", "0", "--clock", "data", "--per-second", "0"]
    return [sys.executable, "-m", "ml.cli", "serve", *told, *more]


@contextmanager
def serving(
    command: Sequence[str], on: Sequence[int], log: Path, environment: Mapping[str, str], *, port: int | None = None
) -> Iterator[Server]:
    """A server until the end.

    Args:
        command: Starts it.
        on: The cores it may use; it computes with one thread.
        log: Gets what it says on standard error.
        environment: Beside this process's own.
        port: Where it listens; None: its first line on standard output says so, as `{"port": 8000}`.

    Raises:
        RunFailed: It ended, or told no port in time.
    """
    with log.open("w", encoding="utf-8") as errors, on_cores(on):
        began = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603  (our own commands)
            command, stdout=subprocess.PIPE if port is None else errors, stderr=errors, text=True,
            stdin=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "PATH": _own_path(), "PYTHONPATH": str(PROJECT_ROOT), **ONE_THREAD, **environment},
        )  # fmt: skip
    try:
        told = port if port is not None else _told_port(process, log)
        yield Server(process, (LOOPBACK, told), began)
    finally:
        _end(process)


def _own_path() -> str:
    """Where commands are looked for: beside this interpreter first."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def _told_port(process: "subprocess.Popen[str]", log: Path) -> int:
    printed = process.stdout
    ready = printed is not None and select.select([printed], [], [], START_SECONDS)[0]
    line = printed.readline() if printed is not None and ready else ""
    try:
        return int(json.loads(line)["port"])
    except (ValueError, KeyError, TypeError) as error:
        raise RunFailed(f"the server told no port ({line.strip()!r}); the end of {log}:\n{_tail(log)}") from error


def _end(process: "subprocess.Popen[str]") -> None:
    """Ask it to end, then end all that is left of its session."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def ask(address: Address, method: str, path: str, body: Any = None, *, seconds: float = 10.0) -> tuple[int, bytes]:
    """Status and body of one request; status 0 where nobody answered."""
    connection = http.client.HTTPConnection(*address, timeout=seconds)
    try:
        sent = None if body is None else json.dumps(body).encode()
        connection.request(method, path, sent, {"Content-Type": "application/json"} if sent else {})
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def wait_for(server: Server, log: Path, method: str, path: str, body: Any = None) -> float:
    """Seconds from the start of the process to its first good answer.

    Raises:
        RunFailed: It ended, or gave none in time.
    """
    while (waited := time.perf_counter() - server.began) < START_SECONDS:
        if ask(server.address, method, path, body)[0] == http.client.OK:
            return time.perf_counter() - server.began
        if server.process.poll() is not None:
            break
        time.sleep(PAUSE_SECONDS)
    raise RunFailed(f"no answer from {path} after {waited:.0f} seconds; the end of {log}:\n{_tail(log)}")


def wait_until_prepared(server: Server) -> float:
    """Seconds until the server has found candidates for those who were active last, as its metrics tell.

    Raises:
        RunFailed: It takes longer than `PREPARE_SECONDS`.
    """
    began = time.perf_counter()
    while (waited := time.perf_counter() - began) < PREPARE_SECONDS:
        _, metrics = ask(server.address, "GET", "/metrics")
        left = [float(value) for value in UNPREPARED.findall(metrics.decode())]
        if left and not any(left):
            return waited
        time.sleep(1)
    raise RunFailed(f"the server has not found everybody's candidates after {waited:.0f} seconds")


def _tail(path: Path, lines: int = 20) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
