"""Long-running services as children that can always be found and ended again, even after the driver was killed.

Each service leads a session of its own. Its descendants stay in that session whatever process groups they open
(Airflow gives every task one), so the session says what belongs to the service, and what a killed driver left.
"""

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from ml.artifacts import read_json, write_json
from ml.errors import RunFailed

GRACE_SECONDS = 15.0
"""How long a service may take to end by itself."""


@dataclass(frozen=True)
class Service:
    """A started service: its name, the session it leads, its start (seconds since the epoch), its log."""

    name: str
    session: int
    started: float
    log: Path


class Services:
    """The services of one `SLATE_HOME`, remembered in a file so that the next driver can end what is left.

    Args:
        folder: Keeps `services.json` and the logs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record = folder / "services.json"
        self.started: list[Service] = []
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Service:
        """Start a service in the background; its output goes to `<name>.log`, written anew."""
        log = self.folder / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as stream:
            child = subprocess.Popen(  # noqa: S603  (our own commands)
                command,
                env=dict(environment),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        service = Service(name, child.pid, psutil.Process(child.pid).create_time(), log)
        self.started.append(service)
        self._children.append(child)
        self._remember()
        return service

    def check(self) -> None:
        """Raise `RunFailed` if a service has ended by itself, with the end of its log."""
        for service, child in zip(self.started, self._children, strict=True):
            if child.poll() is not None:
                raise RunFailed(f"{service.name} has stopped; the end of {service.log}:\n{tail(service.log)}")

    def stop(self) -> None:
        """End all services and everything they started."""
        end(self.started)
        for child in self._children:
            child.wait()
        self.started, self._children = [], []
        self._remember()

    def end_left_over(self) -> int:
        """End what a killed driver left running; returns how many processes that were."""
        if not self.record.exists():
            return 0
        left = [Service(each["name"], each["session"], each["started"], self.record) for each in read_json(self.record)]
        count = len(members(left))
        end(left)
        self._remember()
        return count

    def _remember(self) -> None:
        write_json(
            self.record,
            [{"name": each.name, "session": each.session, "started": each.started} for each in self.started],
        )


def members(services: Iterable[Service]) -> list[psutil.Process]:
    """Every live process of these services; none where the number of a session has gone to somebody else since."""
    since = {each.session: each.started for each in services if each.started > psutil.boot_time()}
    found: list[tuple[int, psutil.Process]] = []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):  # it may end while we look
            session = os.getsid(process.pid)
            if session in since and process.status() != psutil.STATUS_ZOMBIE:
                found.append((session, process))
    taken_over = {session for session, process in found if process.pid == session and _later(process, since[session])}
    return [process for session, process in found if session not in taken_over]


def _later(process: psutil.Process, started: float) -> bool:
    with suppress(psutil.Error):
        return float(process.create_time()) > started + 1.0
    return False


def end(services: Iterable[Service]) -> None:
    """Ask the services to end, then kill what is left of their sessions."""
    services = list(services)
    leaders = [process for process in members(services) if process.pid in {each.session for each in services}]
    for process in leaders:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    psutil.wait_procs(leaders, timeout=GRACE_SECONDS)
    rest = members(services)
    for process in rest:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(rest, timeout=GRACE_SECONDS)


def tail(path: Path, lines: int = 30) -> str:
    """The last lines of a text file."""
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
