"""Little servers in processes of their own."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

LITTLE_SERVER = Path(__file__).with_name("little_server.py")


@pytest.fixture
def little_server() -> Iterator[Callable[..., tuple[str, int]]]:
    """Starts one: `(stall_after, stall_seconds, capacity)` gives its address."""
    started = []

    def start(stall_after: float = 0, stall_seconds: float = 0, capacity: float = 0) -> tuple[str, int]:
        command = [sys.executable, str(LITTLE_SERVER), *map(str, (stall_after, stall_seconds, capacity))]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(child)
        return "127.0.0.1", json.loads(child.stdout.readline())["port"]

    yield start
    for child in started:
        child.kill()
        child.wait()
        child.stdout.close()
