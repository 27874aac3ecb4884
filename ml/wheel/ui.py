"""`slate ui`: Airflow, MLflow and the reports on loopback, until somebody stops them."""

import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from ml.domains import get_domain
from ml.settings import settings
from ml.tracking import store
from ml.wheel.airflow import airflow_home, environment, start_airflow
from ml.wheel.credentials import USER, credentials
from ml.wheel.driver import sole_driver
from ml.wheel.places import evidently_workspace, pages, reports_folder
from ml.wheel.ports import LOOPBACK, free_port
from ml.wheel.processes import Services

PORTS = {"Airflow": 8080, "MLflow": 5000, "reports": 8001, "Evidently": 8002}
"""Preferred ports; a port in use is replaced by any free one."""

LOOK_SECONDS = 2.0


def serve_ui(domain: str, console: Console, stopped: Callable[[], bool] = lambda: False) -> None:
    """Serve until interrupted.

    Args:
        domain: Whose DAGs must be there before the addresses are shown.
        console: Where addresses and the password are printed.
        stopped: Asked now and then whether to end; by default only an interrupt ends it.

    Raises:
        BadInput: There is no such domain, or a demo is running.
        RunFailed: A service did not start or died.
    """
    get_domain(domain)
    with sole_driver(airflow_home()) as services:
        addresses = _start(services, domain)
        console.print(_shown(addresses, domain))
        try:
            while not stopped():
                services.check()
                time.sleep(LOOK_SECONDS)
        except KeyboardInterrupt:
            console.print("Stopping")


def _start(services: Services, domain: str) -> dict[str, str]:
    """Start everything; returns the address of each service."""
    addresses = {}
    for name, command in _commands().items():
        port = free_port(PORTS[name])
        services.start(name.lower(), [sys.executable, "-m", *command, str(port)], environment(port))
        addresses[name] = f"http://{LOOPBACK}:{port}"
    if settings().tracking_uri is not None:
        addresses["MLflow"] = str(settings().tracking_uri)
    return {"Airflow": start_airflow(services, domain, port=PORTS["Airflow"]).address, **addresses}


def _commands() -> dict[str, list[str]]:
    """The module of each service beside Airflow, with its arguments; the port follows as the last."""
    reports_folder().mkdir(parents=True, exist_ok=True)
    evidently_workspace().mkdir(parents=True, exist_ok=True)
    commands = {
        "reports": ["http.server", "--bind", LOOPBACK, "--directory", str(reports_folder())],
        "Evidently": ["evidently.cli", "ui", "--host", LOOPBACK, "--workspace", str(evidently_workspace()), "--port"],
    }
    if settings().tracking_uri is None:
        store.client()  # makes the store where no run has yet
        where = ["--backend-store-uri", store.tracking_uri(), "--default-artifact-root", str(store.artifact_root())]
        commands["MLflow"] = ["mlflow", "server", "--host", LOOPBACK, "--workers", "1", *where, "--port"]
    return commands


def _shown(addresses: dict[str, str], domain: str) -> Table:
    table = Table("service", "address", title="Stop with Ctrl-C", title_justify="left")
    for name, address in addresses.items():
        table.add_row(name, address)
    for name, page in pages(domain).items():
        table.add_row(name, f"{addresses['reports']}/{page.relative_to(reports_folder())}")
    table.add_row("Airflow's user and password", f"{USER} / {credentials(airflow_home())['password']}")
    return table
