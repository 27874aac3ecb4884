"""Ports on loopback."""

import socket
from contextlib import suppress

from ml.errors import RunFailed

LOOPBACK = "127.0.0.1"


def free_port(preferred: int = 0) -> int:
    """A free port on loopback: the preferred one if it can be had, any other where not."""
    for port in (preferred, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((LOOPBACK, port))
            return int(probe.getsockname()[1])
    raise RunFailed(f"there is no free port on {LOOPBACK}")
