"""The two scripts beside the compose file: the health probe and the maker of `.env`."""

import base64
import json
import runpy
import stat
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

HEALTH = {"dag_processor": {"status": "healthy"}, "triggerer": {"status": "unhealthy"}}


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()
        self.wfile.write(json.dumps(HEALTH).encode())

    def log_message(self, *arguments):
        pass


@pytest.fixture
def address():
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def healthy(folder):
    return runpy.run_path(str(folder / "probe.py"))["healthy"]


def test_the_probe_asks_for_an_answer_or_for_a_component(healthy, address):
    assert healthy(f"{address}/health")
    assert healthy(f"{address}/health", "dag_processor")
    assert not healthy(f"{address}/health", "triggerer")
    assert not healthy(f"{address}/health", "nobody")
    assert not healthy(f"{address}/broken")


def test_the_probe_finds_nobody_at_home(healthy):
    assert not healthy("http://127.0.0.1:9/health")


@pytest.fixture
def new_env(folder, tmp_path):
    """Runs a copy of the script beside a copy of the example."""
    for name in ("new_env.py", ".env.example"):
        (tmp_path / name).write_text((folder / name).read_text())
    return lambda: subprocess.run([sys.executable, tmp_path / "new_env.py"], capture_output=True, text=True)


def test_a_new_env_has_fresh_secrets_for_its_owner_only(new_env, tmp_path):
    done = new_env()
    assert done.returncode == 0, done.stderr
    path = tmp_path / ".env"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    values = dict(line.split("=", 1) for line in path.read_text().splitlines() if line and not line.startswith("#"))
    secrets = [value for name, value in values.items() if name.endswith(("_PASSWORD", "_SECRET", "_KEY")) and value]
    assert len(secrets) == len(set(secrets)) == 9
    assert len(base64.urlsafe_b64decode(values["AIRFLOW_FERNET_KEY"])) == 32
    assert "# AWS_SECRET_ACCESS_KEY=\n" in path.read_text()
    assert not any(secret in done.stdout for secret in secrets)


def test_an_env_that_exists_stays(new_env, tmp_path):
    (tmp_path / ".env").write_text("mine\n")
    assert new_env().returncode != 0
    assert (tmp_path / ".env").read_text() == "mine\n"
