"""What Airflow is started with."""

import json
import socket

import pytest

from ml.wheel.airflow import airflow_home, environment
from ml.wheel.credentials import PASSWORDS, credentials
from ml.wheel.dbt_tasks import project_files
from ml.wheel.ports import LOOPBACK, free_port


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))


def test_airflow_listens_on_loopback_and_writes_below_the_home(tmp_path):
    found = environment(8123)
    assert found["AIRFLOW__API__HOST"] == LOOPBACK
    assert found["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8123/execution/"
    assert found["AIRFLOW_HOME"] == str(tmp_path / "airflow") == str(airflow_home())
    assert found["AIRFLOW__COSMOS__CACHE_DIR"].startswith(str(tmp_path))
    assert found["AIRFLOW__CORE__DAGS_FOLDER"].endswith("/dags")


def test_secrets_are_made_once_a_home_and_are_its_owners_only(tmp_path):
    made = credentials(tmp_path)
    assert credentials(tmp_path) == made
    assert json.loads((tmp_path / PASSWORDS).read_text()) == {"admin": made["password"]}
    for name in (PASSWORDS, "credentials.json"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0
    assert credentials(tmp_path / "other")["jwt_secret"] != made["jwt_secret"]


def test_a_port_in_use_is_replaced():
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) not in (0, port)


def test_a_free_port_is_taken_as_asked():
    port = free_port()
    assert free_port(port) == port


def test_files_that_dbt_writes_are_not_the_projects_own(tmp_path):
    for name in ("models/items.sql", "target/manifest.json", "logs/dbt.log", "dbt_project.yml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    before = project_files(tmp_path)
    assert set(before) == {"models/items.sql", "dbt_project.yml"}
    (tmp_path / "models/items.sql").write_text("select 1")
    assert project_files(tmp_path) != before
