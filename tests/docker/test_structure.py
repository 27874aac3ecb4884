"""docker/compose.yaml is what Compose accepts: keys and values of the Compose Specification, references that resolve.

Where Docker is at hand, `docker compose config` says more; these are the mistakes that it would name.
"""

import re
from graphlib import TopologicalSorter

import pytest
import yaml

MERGE = "tag:yaml.org,2002:merge"
FILE_KEYS = {"name", "services", "networks", "volumes"}
SERVICE_KEYS = {
    "build": dict,
    "cap_drop": list,
    "command": list,
    "depends_on": dict,
    "environment": dict,
    "healthcheck": dict,
    "image": str,
    "init": bool,
    "logging": dict,
    "networks": list,
    "ports": list,
    "profiles": list,
    "read_only": bool,
    "restart": str,
    "security_opt": list,
    "shm_size": str,
    "stop_grace_period": str,
    "tmpfs": list,
    "user": str,
    "volumes": list,
}
HEALTH_KEYS = {"test", "interval", "timeout", "retries", "start_period", "start_interval"}
CONDITIONS = {"service_healthy", "service_completed_successfully"}
DURATION = re.compile(r"(\d+(ms|s|m|h))+")
PORT = re.compile(r"\$\{BIND:-127\.0\.0\.1\}:\$\{[A-Z]+_PORT:-\d+\}:\d+")
MOUNT = re.compile(r"(?:[a-z]+|\./[\w./-]+|\$\{[A-Z_]+:-[\w/]+\}):/[\w./-]+(?::ro)?")
# What is left of a text once everything that Compose replaces is taken out: no lone dollar sign.
REPLACED = re.compile(r"\$\$|\$\{[A-Z0-9_]+(?::[-?+][^{}$]*)?\}")


def test_no_key_is_written_twice(compose_text):
    for node in mappings(yaml.compose(compose_text)):
        keys = [key.value for key, _ in node.value if key.tag != MERGE]
        assert len(keys) == len(set(keys)), f"line {node.start_mark.line + 1}"


def mappings(node):
    if isinstance(node, yaml.MappingNode):
        yield node
        for _, value in node.value:
            yield from mappings(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from mappings(value)


def test_every_reference_is_well_formed(compose):
    texts = list(scalars(compose))
    assert any("${" in text for text in texts)
    assert [text for text in texts if "$" in REPLACED.sub("", text)] == []


def scalars(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from scalars(each)
    elif isinstance(value, str):
        yield value


def test_keys_and_kinds_are_those_of_the_specification(compose, services):
    assert {key for key in compose if not key.startswith("x-")} == FILE_KEYS
    for name, service in services.items():
        assert set(service) <= set(SERVICE_KEYS), name
        assert {key for key, value in service.items() if not isinstance(value, SERVICE_KEYS[key])} == set(), name
    assert {key for service in services.values() for key in service} == set(SERVICE_KEYS)


def test_an_environment_is_text(services):
    """Compose refuses a bare yes or no, and what a bare number becomes is its secret."""
    for service in services.values():
        values = service.get("environment", {}).values()
        assert all(value is None or isinstance(value, str) for value in values)


def test_health_checks_and_durations(services):
    for service in services.values():
        check = service.get("healthcheck", {})
        assert check == {"disable": True} or set(check) == HEALTH_KEYS
        durations = [value for key, value in check.items() if key in HEALTH_KEYS - {"test", "retries"}]
        durations += [service[key] for key in ("stop_grace_period",) if key in service]
        assert all(DURATION.fullmatch(duration) for duration in durations)


def test_ports_mounts_and_networks(compose, services):
    for service in services.values():
        assert all(PORT.fullmatch(port) for port in service.get("ports", []))
        assert all(MOUNT.fullmatch(mount) for mount in service.get("volumes", []))
        assert set(service.get("networks", [])) <= set(compose["networks"])


def test_services_start_in_an_order_that_exists(services):
    waits = {name: set(service.get("depends_on", {})) for name, service in services.items()}
    order = list(TopologicalSorter(waits).static_order())
    assert order.index("postgres") < order.index("airflow-init") < order.index("airflow-scheduler")


def test_what_a_service_waits_for_can_come_true(services):
    for service in services.values():
        for awaited, wait in service.get("depends_on", {}).items():
            assert wait["condition"] in CONDITIONS
            lasts = services[awaited]["restart"] == "unless-stopped"
            assert lasts == (wait["condition"] == "service_healthy"), awaited


@pytest.mark.parametrize("wrong", ["$FOO", "${FOO", "${FOO:default}", "${foo}"])
def test_a_malformed_reference_is_seen(wrong):
    assert "$" in REPLACED.sub("", wrong)
