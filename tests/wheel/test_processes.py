import json
import os
import subprocess
import sys
import time

import psutil
import pytest

from ml.errors import BadInput, RunFailed
from ml.wheel.driver import sole_driver
from ml.wheel.processes import Services, members

FAMILY = """
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import os, time; os.setpgid(0, 0); time.sleep(60)"])
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def services(tmp_path):
    services = Services(tmp_path)
    yield services
    services.stop()


def start_family(services):
    """A service with a child in a process group of its own, as Airflow's tasks are."""
    service = services.start("family", [sys.executable, "-c", FAMILY], os.environ)
    wait_until(
        lambda: len(members([service])) == 2 and all(os.getpgid(each.pid) == each.pid for each in members([service]))
    )
    return service


def wait_until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 10 s"
        time.sleep(0.05)


def test_a_stopped_service_leaves_no_process(services, tmp_path):
    service = start_family(services)
    services.check()
    services.stop()
    assert members([service]) == []
    assert json.loads((tmp_path / "services.json").read_text()) == []


def test_what_a_killed_driver_left_is_ended_by_the_next_one(services, tmp_path):
    service = start_family(services)
    psutil.Process(service.session).kill()  # the leader dies with its driver, its child lives on
    wait_until(lambda: len(members([service])) == 1)
    assert Services(tmp_path).end_left_over() == 1
    assert members([service]) == []


def test_a_session_number_that_somebody_else_got_since_is_left_alone(services, tmp_path):
    service = start_family(services)
    record = tmp_path / "services.json"
    record.write_text(json.dumps([{"name": "family", "session": service.session, "started": service.started - 60}]))
    assert Services(tmp_path).end_left_over() == 0
    assert len(members([service])) == 2


def test_a_service_that_dies_is_reported_with_the_end_of_its_log(services):
    service = services.start("oracle", [sys.executable, "-c", "raise SystemExit('the port is taken')"], os.environ)
    wait_until(lambda: members([service]) == [])
    with pytest.raises(RunFailed, match=r"oracle has stopped(.|\n)*the port is taken"):
        services.check()


def test_only_one_driver_works_on_a_home(tmp_path):
    folder = tmp_path / "airflow"
    with sole_driver(folder), pytest.raises(BadInput, match="already runs"), sole_driver(folder):
        pass
    with sole_driver(folder):
        pass


DRIVER = """
import os, pathlib, sys, time
from ml.wheel.driver import sole_driver
with sole_driver(pathlib.Path(sys.argv[1])) as services:
    services.start("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"], os.environ)
    print("started", flush=True)
    time.sleep(60)
"""


def test_a_driver_that_is_asked_to_end_stops_its_services(tmp_path):
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with driver:
        assert driver.stdout.readline() == "started\n"
        (left,) = json.loads((tmp_path / "services.json").read_text())
        driver.terminate()
        driver.wait(20)
    assert not psutil.pid_exists(left["session"])
    assert driver.returncode == 143
