"""The DAG files as text: thin, free of heavy imports, and calling steps that exist."""

import ast
from pathlib import Path

import pytest

from ml import steps
from ml.wheel.conventions import STAGES

DAGS = Path(__file__).resolve().parent.parent.parent / "dags"
FILES = sorted(DAGS.glob("*.py"))
EVERY_FILE = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


def test_there_is_one_file_a_stage():
    assert [path.stem for path in FILES] == sorted(STAGES)


@EVERY_FILE
def test_a_file_is_thin(path):
    assert len(path.read_text().splitlines()) < 100


@EVERY_FILE
def test_a_file_imports_airflow_and_this_package_only(path):
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(path.read_text()))
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else names_of(node))
    }
    assert imported <= {"airflow", "ml", "typing"}


def names_of(node):
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


@EVERY_FILE
def test_tasks_call_steps_that_exist(path):
    called = {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "steps"
    }
    assert called
    assert called <= set(steps.__all__)
