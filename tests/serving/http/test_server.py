"""A real server: slow clients are cut off, requests under way are finished, SIGTERM ends it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from counting_shop import SHOP

from ml.errors import BadInput
from ml.serving.http import server
from ml.serving.http.context import Context
from ml.serving.http.request_log import RequestLog

BODY = b'{"placement":"home"}'
HEAD = b"POST /v1/shop/slates HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
WHOLE = HEAD + b"Content-Length: 20\r\n\r\n" + BODY


class Running:
    """A server in a thread."""

    def __init__(self, shop, log, read_seconds=0.3, idle_seconds=0.3):
        self.stopping = threading.Event()
        context = Context({"shop": shop}, domains={"shop": SHOP}, log=RequestLog(log))
        self.shield = context.shield
        config = server._config(context, read_seconds)
        config.timeout_keep_alive = idle_seconds
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.server = server._Server(config, self.stopping)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listener]})
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def stop(self):
        self.stopping.set()
        self.thread.join(20)
        self.listener.close()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), 10)


@pytest.fixture
def running(shop, log):
    made = Running(shop, log)
    yield made
    made.stop()
    assert not made.thread.is_alive()


def until_closed(connection):
    """All that comes until the server hangs up, and the seconds that it took."""
    started, parts = time.monotonic(), []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts), time.monotonic() - started


@pytest.mark.parametrize(
    "sent",
    [b"P", HEAD, HEAD + b"Content-Length: 20\r\n\r\n{", HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{ \r\n"],
)
def test_a_request_that_does_not_end_is_cut_off(running, sent):
    with running.connect() as connection:
        connection.sendall(sent)
        answer, seconds = until_closed(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["remedy"]
    assert seconds < 5


def test_a_drip_of_headers_buys_no_time(running):
    with running.connect() as connection:
        connection.sendall(HEAD)
        started = time.monotonic()
        try:
            while time.monotonic() - started < 5:
                connection.sendall(b"X-A: b\r\n")
                time.sleep(0.05)
        except OSError:
            pass
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("sent", [b"", WHOLE])
def test_idle_connections_are_closed(running, sent):
    with running.connect() as connection:
        connection.sendall(sent)
        answer, seconds = until_closed(connection)
    assert answer.startswith(b"HTTP/1.1 200 ") == bool(sent)
    assert seconds < 5


def test_headers_are_bounded(running):
    with running.connect() as connection:
        try:
            connection.sendall(b"GET /")
            for _ in range(100):
                connection.sendall(b"a" * 65536)
        except OSError:
            pass
        answer, _ = until_closed(connection)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


def test_what_is_no_http_is_refused(running):
    with running.connect() as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert until_closed(connection)[0].startswith(b"HTTP/1.1 400 ")


def test_requests_in_one_packet_are_all_answered(running):
    with running.connect() as connection:
        connection.sendall(WHOLE * 3)
        assert until_closed(connection)[0].count(b"HTTP/1.1 200 ") == 3


def test_long_bodies_leave_room_for_the_next_head(running):
    address = f"http://127.0.0.1:{running.port}/v1/shop/slates"
    headers = {"Content-Type": "application/json"}
    with httpx.Client(timeout=10) as client:  # one connection
        statuses = [client.post(address, content=b"1" * 300_000, headers=headers).status_code for _ in range(3)]
    assert statuses == [422] * 3


def test_a_long_body_in_chunks_is_refused(running):
    def chunks():
        for _ in range(40):
            yield b" " * 65536

    headers = {"Content-Type": "application/json"}
    address = f"http://127.0.0.1:{running.port}/v1/shop/slates"
    try:
        assert httpx.post(address, content=chunks(), headers=headers, timeout=10).status_code == 413
    except httpx.TransportError as error:
        pytest.fail(f"the refusal did not arrive: {error}")


def test_requests_under_way_are_finished(shop, log):
    shop.delay = 0.5
    running = Running(shop, log)
    with running.connect() as connection:
        connection.sendall(WHOLE)
        while not running.server.server_state.tasks:
            time.sleep(0.01)
        running.stopping.set()
        answer, _ = until_closed(connection)
    running.stop()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert not running.thread.is_alive()


def test_others_are_not_served_without_tokens(shop, monkeypatch):
    monkeypatch.delenv("SLATE_WRITE_TOKEN", raising=False)
    with pytest.raises(BadInput, match="SLATE_WRITE_TOKEN"):
        server.serve({"shop": shop}, "0.0.0.0", 0)


def test_a_taken_port_is_told(shop):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BadInput, match="choose another port"):
        server.serve({"shop": shop}, port=taken.getsockname()[1])


PROGRAM = """
import sys
from counting_shop import CountingShop
from ml.serving.http.server import serve
serve({"shop": CountingShop()}, port=0, announce=lambda address: print(address, flush=True))
print("returned", flush=True)
"""


@pytest.mark.slow
def test_sigterm_ends_it_and_serve_returns():
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parents[2])])
    environment = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True, env=environment) as child:
        address = child.stdout.readline().strip()
        assert httpx.get(f"{address}/healthz").json() == {"status": "alive"}
        child.send_signal(signal.SIGTERM)
        assert child.stdout.read() == "returned\n"
        assert child.wait(20) == 0


def test_a_connection_that_was_turned_away_at_the_door_stays_open_for_the_next_request(running):
    with running.connect() as connection:
        running.shield.turn_away()
        connection.sendall(WHOLE)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 503 ")
        running.shield._shut_until = 0.0
        connection.sendall(WHOLE)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        time.sleep(0.1)
        running.shield.turn_away()
        connection.sendall(WHOLE)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 503 ")
        assert until_closed(connection)[0] == b""  # as any connection on which nothing comes
