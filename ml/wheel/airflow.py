"""Airflow on its embedded defaults: SQLite, LocalExecutor, loopback, one folder under `SLATE_HOME`.

It runs the components of `airflow standalone` without their log servers, which listen on every interface, and
without a triggerer, since no task defers.
"""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from ml.errors import RunFailed
from ml.logs import get_logger
from ml.settings import settings
from ml.wheel import metadata
from ml.wheel.api import AirflowApi
from ml.wheel.conventions import PARALLEL_TASKS, STAGES, dag_id
from ml.wheel.credentials import PASSWORDS, USER, credentials
from ml.wheel.ports import LOOPBACK, free_port
from ml.wheel.processes import Services

log = get_logger(__name__)

START_SECONDS = 240.0
COMPONENTS = {
    "api-server": ["airflow", "api-server"],
    "scheduler": ["ml.wheel.scheduler"],
    "dag-processor": ["airflow", "dag-processor"],
}


def airflow_home() -> Path:
    """Where Airflow keeps its database, its logs and the password of its user."""
    return settings().home / "airflow"


def environment(port: int) -> dict[str, str]:
    """The environment of Airflow's processes and of every task; no library may report usage to anybody."""
    return {
        **os.environ,
        **{f"AIRFLOW__{name}": value for name, value in airflow_settings(port).items()},
        "AIRFLOW_HOME": str(airflow_home()),
        "SLATE_HOME": str(settings().home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "NO_PROXY": ",".join(filter(None, (os.environ.get("NO_PROXY"), LOOPBACK, "localhost"))),
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "False",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def airflow_settings(port: int) -> dict[str, str]:
    """Airflow's own settings, by section and name.

    DAG files are read again when they change, not every half minute, and may take their time on a busy machine.
    """
    address, own = f"http://{LOOPBACK}:{port}", credentials(airflow_home())
    return {
        "CORE__DAGS_FOLDER": str(settings().project / "dags"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": str(PARALLEL_TASKS),
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(airflow_home() / PASSWORDS),
        "CORE__FERNET_KEY": own["fernet_key"],
        "CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "CORE__DAGBAG_IMPORT_TIMEOUT": "120",
        "API__HOST": LOOPBACK,
        "API__PORT": str(port),
        "API__BASE_URL": address,
        "API__SECRET_KEY": own["secret_key"],
        "API_AUTH__JWT_SECRET": own["jwt_secret"],
        "DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "150",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "20",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        "COSMOS__CACHE_DIR": str(airflow_home() / "cosmos"),
        "COSMOS__ENABLE_TELEMETRY": "False",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def start_airflow(services: Services, domain: str, *, port: int = 0, settle: bool = False) -> AirflowApi:
    """Start Airflow and wait until the domain's DAGs are there.

    Args:
        services: Takes the started components; the caller stops them.
        domain: Whose DAGs must be there.
        port: Preferred port of the user interface; another is taken if it is not free.
        settle: Mark runs that were interrupted as failed, instead of going on with them.

    Returns:
        A client that has logged in.

    Raises:
        RunFailed: The database could not be prepared, or the DAGs could not be read.
    """
    port = free_port(port)
    variables = environment(port)
    log.info("Preparing Airflow's database in %s", airflow_home())
    command = [sys.executable, "-m", "ml.wheel.metadata", *([metadata.SETTLE] if settle else [])]
    prepared = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)  # noqa: S603  (ours)
    if prepared.returncode != 0:
        raise RunFailed(f"Airflow could not prepare its database:\n{prepared.stderr[-2000:]}")
    for name, component in COMPONENTS.items():
        services.start(name, [sys.executable, "-m", *component], variables)
    api = AirflowApi(f"http://{LOOPBACK}:{port}", USER, credentials(airflow_home())["password"])
    wait_for_dags(api, services, domain)
    return api


def wait_for_dags(api: AirflowApi, services: Services, domain: str) -> None:
    """Wait until Airflow has read the domain's DAGs as they are now.

    Raises:
        RunFailed: A DAG file cannot be read, or a component died.
    """
    wanted = {dag_id(domain, stage) for stage in STAGES}
    since = datetime.fromtimestamp(min(service.started for service in services.started), UTC)
    deadline = time.monotonic() + START_SECONDS
    log.info("Waiting for Airflow at %s to read the DAGs of %s", api.address, domain)
    while time.monotonic() < deadline:
        services.check()
        if api.ready():
            if errors := api.import_errors(since):
                raise RunFailed("Airflow cannot read these DAG files:\n" + "\n".join(errors))
            if wanted <= api.dags(since):
                return
        time.sleep(0.5)
    raise RunFailed(f"Airflow did not read {', '.join(sorted(wanted))} in {START_SECONDS:.0f} s; see {services.folder}")
