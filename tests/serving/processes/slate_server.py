"""`slate serve` as a process of its own, and what tests ask of it over HTTP."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import shop

PROJECT = Path(__file__).resolve().parents[3]
LAUNCHER = Path(__file__).with_name("faulty_slate.py")
PATIENCE = 300.0  # seconds: the machine may be busy otherwise
BUDGET = 0.08  # seconds in which a slate is to be answered (`ml.serving.engine.engine.Budget.whole`)
RESPONSE = 10.0
AS_OF = shop.AS_OF


def environment_of(home: Path, **settings: str) -> dict[str, str]:
    """Of a process that runs this project's code on a home, on one thread."""
    return os.environ | {"SLATE_HOME": str(home), "SLATE_THREADS": "1", "PYTHONPATH": str(PROJECT), **settings}


def printed(script: Path, home: Path, **settings: str) -> Any:
    """The JSON that a script writes, as a process of its own."""
    environment = environment_of(home, **settings)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, env=environment, cwd=PROJECT, check=False)
    assert done.returncode == 0, done.stderr.decode()[-3_000:]
    return json.loads(done.stdout)


class Answer:
    """Status, headers and JSON of an answer, and how long it took."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes, seconds: float) -> None:
        self.status, self.headers, self.body, self.seconds = status, headers, body, seconds

    @property
    def told(self) -> Any:
        """The body, of JSON."""
        return json.loads(self.body)

    @property
    def items(self) -> list[str]:
        """The items of a slate."""
        assert self.status == 200, self.body
        return [item["item_id"] for item in self.told["items"]]


class Server:
    """A running `slate serve`; one connection a thread."""

    def __init__(
        self, home: Path, domains: Iterable[str] = ("retail",), faults: Path | None = None, clock: str = "data",
        **settings: str,
    ) -> None:  # fmt: skip
        self._threads, self._connections = threading.local(), []
        self._log = (home / f"server-{time.monotonic_ns()}.log").open("wb")
        self.log_path = Path(self._log.name)
        program = [str(LAUNCHER), str(faults)] if faults else ["-m", "ml.cli"]
        named = [part for domain in domains for part in ("--domain", domain)]
        command = [sys.executable, *program, "serve", "--port", "0", "--clock", clock, "--per-second", "0", *named]
        environment = environment_of(home, **settings)
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, env=environment, cwd=PROJECT)
        try:
            self._begin()
        except BaseException:
            self.kill()
            raise

    def _begin(self) -> None:
        line = self.process.stdout.readline()
        assert line, self.log()[-3000:]
        self.port = int(json.loads(line)["port"])
        eventually(lambda: self.ask("GET", "/readyz").status == 200)

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """One request on this thread's connection; a connection that the server closed is opened again once."""
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if body is not None else {}
        started = time.perf_counter()
        connection = self._connection()
        try:
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            read = answer.read()
        except (http.client.HTTPException, OSError):
            self._threads.connection = None
            connection.close()
            raise
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, told, read, time.perf_counter() - started)

    def slate(self, user: str | None, placement: str = "home", domain: str = "retail", **more: Any) -> Answer:
        """A slate."""
        return self.ask("POST", f"/v1/{domain}/slates", {"placement": placement, "user_id": user, **more})

    def tell(self, *events: dict[str, Any], domain: str = "retail") -> Answer:
        """Send events."""
        return self.ask("POST", f"/v1/{domain}/events", list(events))

    def metric(self, metric: str, /, **labels: str) -> float:
        """The sum of a metric over what the labels leave open."""
        wanted, found = [f'{key}="{value}"' for key, value in labels.items()], 0.0
        for line in self.ask("GET", "/metrics").body.decode().splitlines():
            if line.partition("{")[0].partition(" ")[0] == metric and all(each in line for each in wanted):
                found += float(line.rpartition(" ")[2])
        return found

    def log(self) -> str:
        """What it wrote on standard error."""
        return self.log_path.read_text()

    @property
    def memory(self) -> int:
        """Resident bytes."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE")

    @property
    def cpu_seconds(self) -> float:
        """Of the processor, so far."""
        user, system = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """At once, as when the power goes."""
        self.process.kill()
        self._let_go()

    def stop(self) -> int:
        """As an operator does; returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self._let_go()
        return self.process.returncode

    def _let_go(self) -> None:
        self.process.wait(PATIENCE)
        if self.process.stdout:
            self.process.stdout.close()
        self._log.close()
        for connection in self._connections:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        found = getattr(self._threads, "connection", None)
        if found is None or time.monotonic() - self._threads.used > 3:  # the server closes what is idle for 5 s
            if found is not None:
                found.close()
            found = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            self._threads.connection = found
            self._connections.append(found)
        self._threads.used = time.monotonic()
        return found


@contextmanager
def running(home: Path, *domains: str, faults: Path | None = None, clock: str = "data", **settings: str):
    """A server, stopped afterwards."""
    server = Server(home, domains or ("retail",), faults, clock, **settings)
    try:
        yield server
    finally:
        server.stop()


def happened(
    event_id: str, user: str | None, item: str, kind: str = "view", after: float = 0.0, **more: Any
) -> dict[str, Any]:
    """An event so many seconds after the data's end, where the server's clock began."""
    at = f"2018-01-01T05:{int(after) // 60:02}:{after % 60:09.6f}Z"
    told = {"event_id": event_id, "session_id": f"s-{user}", "user_id": user, "item_id": item, "event_type": kind}
    return told | {"occurred_at": at} | more


def eventually(holds: Callable[[], bool], seconds: float = PATIENCE, every: float = 0.05) -> float:
    """Wait until something holds; returns the seconds it took."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < seconds, "did not come to hold"
        time.sleep(every)
    return time.monotonic() - started
