import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("slate")


@pytest.fixture(scope="session")
def read_bag(home):
    """Reads the DAG files in a process of its own, with these settings and further domains (`music:MUSIC`)."""

    def read(*declared: str, **settings: str) -> dict:
        environment = os.environ | {
            "AIRFLOW_HOME": str(home / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "200",  # dbt parses the project of every domain the first time
            "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
            "AIRFLOW__COSMOS__CACHE_DIR": str(home / "cosmos"),
            "SLATE_HOME": str(home),
            "PYTHONPATH": str(ROOT),
            **settings,
        }
        script = Path(__file__).with_name("describe_bag.py")
        answer = home / "bag.json"  # not standard output, where Airflow logs
        command = [sys.executable, str(script), str(ROOT / "dags"), str(answer), *declared]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return json.loads(answer.read_text())

    return read


@pytest.fixture(scope="session")
def bag(read_bag):
    return read_bag()


@pytest.fixture(scope="session")
def asking_bag(read_bag, bag):
    """With approval by a person switched on; read second, when dbt has parsed the project once."""
    return read_bag(SLATE_APPROVAL_REQUIRED="true")


@pytest.fixture(scope="session")
def tasks(bag):
    """Every task of every DAG: (DAG, task) → description."""
    return {(dag, name): task for dag, found in bag["dags"].items() for name, task in found["tasks"].items()}
