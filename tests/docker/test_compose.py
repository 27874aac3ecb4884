"""What holds for every service of docker/compose.yaml, and that its settings are those that exist."""

import re

import pytest

from ml.settings import Settings
from ml.wheel import airflow as laptop

SERVICES = (
    "postgres",
    "airflow-init",
    "airflow-api",
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-triggerer",
    "mlflow",
    "reports",
    "evidently",
)
LONG_RUNNING = [name for name in SERVICES if name != "airflow-init"]
OWN_IMAGE = [name for name in SERVICES if name not in ("postgres", "reports")]
REFERENCE = re.compile(r"(?<!\$)\$\{(?P<name>[A-Z0-9_]+)(?P<rest>:?[-?+][^{}]*)?\}")
# Paths of the host that may be left out: what is mounted instead is not what the variable means.
OPTIONAL_MOUNTS = {"RAW_DATA", "DATABASE_CA"}
SECRET = re.compile(r"(PASSWORD|_KEY|_SECRET)$")
# What the laptop sets and a deployment does another way: its login, its port, its folder.
OF_THE_LAPTOP = {"SIMPLE_AUTH_MANAGER_USERS", "SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", "HOST", "PORT", "HOSTNAME_CALLABLE"}


def references(text):
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return list(REFERENCE.finditer("\n".join(lines)))


def test_these_are_the_services(services):
    assert sorted(services) == sorted(SERVICES)


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_a_service_tells_its_health_and_comes_back(services, name):
    assert services[name]["healthcheck"]["test"][0] == "CMD"
    assert services[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_privileges(services, dockerfile, name):
    service = services[name]
    user = service.get("user") or next(line.split()[1] for line in dockerfile if line.startswith("USER "))
    assert user not in ("root", "0")
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_published_on_loopback_or_not_at_all(services, name):
    published = services[name].get("ports", [])
    assert all(port.startswith("${BIND:-127.0.0.1}:") for port in published)
    assert name != "postgres" or published == []


@pytest.mark.parametrize("name", OWN_IMAGE)
def test_slate_has_one_image_named_after_its_version(services, setup_cfg, name):
    assert services[name]["image"] == f"${{SLATE_IMAGE:-slate:{setup_cfg['metadata']['version']}}}"


def test_images_of_others_are_pinned(services):
    images = [service["image"] for name, service in services.items() if name not in OWN_IMAGE]
    assert all(re.search(r":\d", image) for image in images)


def handed_on(services):
    """Variables that a service gets as they are, if they are set."""
    environments = [service.get("environment", {}) for service in services.values()]
    return {name for environment in environments for name, value in environment.items() if value is None}


def test_every_variable_is_in_the_example_with_its_default(compose_text, services, example):
    found = references(compose_text)
    named = {reference["name"] for reference in found} | handed_on(services) | {"COMPOSE_PROFILES"}
    assert named == set(example)
    for reference in found:
        if (reference["rest"] or "").startswith(":-") and reference["name"] not in OPTIONAL_MOUNTS:
            assert example[reference["name"]] == reference["rest"].removeprefix(":-")


def test_a_missing_secret_stops_compose(compose_text, services, example):
    found = references(compose_text)
    secrets = {name for name in example if SECRET.search(name)} - handed_on(services)
    assert secrets
    assert secrets == {each["name"] for each in found if (each["rest"] or "").startswith(":?")}
    assert all(each["rest"].startswith(":?") for each in found if each["name"] in secrets)


def test_the_example_holds_no_secret(example):
    assert [name for name, value in example.items() if SECRET.search(name) and value] == []


def test_settings_are_those_that_slate_has(compose):
    known = {f"SLATE_{name.upper()}" for name in Settings.model_fields}
    used = {name for name in compose["x-slate-environment"] if name.startswith("SLATE_")}
    assert used
    assert used <= known


def test_airflow_is_set_up_as_on_the_laptop(compose, tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    wanted = {name for name in laptop.environment(1) if name.startswith("AIRFLOW__")}
    wanted = {name for name in wanted if name.split("__", 2)[2] not in OF_THE_LAPTOP}
    assert wanted
    assert wanted - set(compose["x-airflow-environment"]) == set()


def test_no_library_reports_usage_to_anybody(compose, tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    environment = laptop.environment(1)
    silent = {name: environment[name] for name in ("DO_NOT_TRACK", "GX_ANALYTICS_ENABLED", "MLFLOW_DISABLE_TELEMETRY")}
    assert silent.items() <= compose["x-slate-environment"].items()


def test_mlflow_knows_its_own_pages_behind_a_proxy(services):
    environment = services["mlflow"]["environment"]
    assert environment["MLFLOW_SERVER_ALLOWED_HOSTS"].endswith("${MLFLOW_HOST:+,}${MLFLOW_HOST:-}")
    assert environment["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"] == "${MLFLOW_HOST:+https://}${MLFLOW_HOST:-}"


def test_who_asks_the_database_can_check_its_certificate(services):
    for service in services.values():
        if "PGSSLMODE" in (environment := service.get("environment", {})):
            path = environment["PGSSLROOTCERT"].removeprefix("${DATABASE_CA:+").removesuffix("}")
            assert f"${{DATABASE_CA:-/dev/null}}:{path}:ro" in service["volumes"]


def test_volumes_are_declared_and_used(compose, services):
    mounts = [mount for service in services.values() for mount in service.get("volumes", [])]
    named = {mount.split(":")[0] for mount in mounts if not mount.startswith((".", "$"))}
    assert named | {"raw"} == set(compose["volumes"])


def test_what_is_mounted_from_the_checkout_exists(services, folder):
    mounts = [mount for service in services.values() for mount in service.get("volumes", [])]
    ours = [mount.split(":")[0] for mount in mounts if mount.startswith(".")]
    assert ours
    assert [path for path in ours if not (folder / path).is_file()] == []
