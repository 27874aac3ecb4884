"""docs/deployment.md names every service and every variable with its default."""

import re

import pytest

ROW = re.compile(r"^\| `([A-Z0-9_]+)` \| ([^|]+) \|", re.MULTILINE)


@pytest.fixture
def page(folder):
    return (folder.parent / "docs" / "deployment.md").read_text()


def test_every_variable_is_explained_with_its_default(page, example):
    explained = {name: default.strip().strip("`") for name, default in ROW.findall(page)}
    assert set(explained) == set(example)
    assert {name: value for name, value in explained.items() if value not in ("secret", "none", example[name])} == {}


def test_every_service_is_explained(page, services):
    assert [name for name in services if f"| `{name}` |" not in page] == []
