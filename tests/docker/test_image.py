"""The image is built from files that exist, owned by root, with pinned distributions that belong together."""

import re
from pathlib import Path

import pytest

PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)$", re.MULTILINE)


def copied(dockerfile):
    """The sources of every COPY."""
    return [source for line in dockerfile if line.startswith("COPY ") for source in line.split()[1:-1]]


def pins(path):
    return {name.lower().replace("_", "-"): version for name, version in PIN.findall(path.read_text())}


@pytest.fixture
def root(folder):
    return folder.parent


@pytest.fixture
def allowed(root):
    """What .dockerignore lets through."""
    lines = (root / ".dockerignore").read_text().splitlines()
    return {line.removeprefix("!") for line in lines if line.startswith("!")}


def test_what_is_copied_exists_and_nothing_else_reaches_the_build(dockerfile, root, allowed):
    sources = copied(dockerfile)
    assert sources
    assert [source for source in sources if not (root / source).exists()] == []
    assert allowed == {source for source in sources if not source.startswith("ml/")}
    assert (root / ".dockerignore").read_text().splitlines()[1] == "*"


def test_the_services_user_is_a_number_and_not_root(dockerfile):
    users = [line.split()[1] for line in dockerfile if line.startswith("USER ")]
    assert users == ["10001"]
    assert any(f"useradd --uid {users[0]}" in line for line in dockerfile)


def test_code_stays_roots(dockerfile):
    assert not any("--chown" in line for line in dockerfile)


def test_folders_that_volumes_cover_are_the_services_own(dockerfile, services):
    made = next(line for line in dockerfile if "install --directory" in line).split()
    writable = {
        mount.split(":")[1]
        for name, service in services.items()
        for mount in service.get("volumes", [])
        if name not in ("postgres", "reports") and not mount.endswith(":ro")
    }
    assert writable == {"/var/lib/slate", "/var/lib/mlflow", "/var/lib/airflow/logs"}
    assert writable <= set(made)


def test_the_image_and_the_services_agree_on_folders(dockerfile, compose):
    variables = " ".join(line for line in dockerfile if line.startswith("ENV "))
    environment = compose["x-airflow-environment"]
    assert f"SLATE_HOME={environment['SLATE_HOME']}" in variables
    assert f"AIRFLOW_HOME={environment['AIRFLOW_HOME']}" in variables
    assert environment["AIRFLOW__CORE__DAGS_FOLDER"] == "/opt/slate/dags"
    assert "WORKDIR /opt/slate" in dockerfile


def test_files_that_services_name_are_in_the_image(dockerfile, compose_text):
    named = set(re.findall(r"/opt/slate/([\w./-]+)", compose_text))
    sources = copied(dockerfile)
    assert named
    assert [path for path in named if not any(path == each or path.startswith(f"{each}/") for each in sources)] == []


def test_the_python_is_one_that_the_project_runs_on(dockerfile):
    base = next(line for line in dockerfile if line.startswith("FROM "))
    assert re.fullmatch(r"FROM python:3\.11-slim-\w+", base)


def test_container_pins_add_to_the_projects_and_never_differ(root, folder):
    project, containers = pins(root / "constraints.txt"), pins(folder / "constraints.txt")
    assert containers
    assert {name: version for name, version in containers.items() if project.get(name, version) != version} == {}


def test_every_container_requirement_is_pinned(root, folder):
    lines = Path(folder / "requirements.txt").read_text().splitlines()
    wanted = {re.split(r"[<>=]", line)[0].lower() for line in lines if line and not line.startswith("#")}
    assert "apache-airflow-providers-fab" in wanted
    assert wanted - set(pins(folder / "constraints.txt")) - set(pins(root / "constraints.txt")) == set()
