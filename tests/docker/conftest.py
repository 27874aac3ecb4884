import re
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

VARIABLE = re.compile(r"^(?:# )?([A-Z0-9_]+)=(.*)$", re.MULTILINE)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def folder() -> Path:
    return ROOT / "docker"


@pytest.fixture(scope="session")
def compose_text(folder) -> str:
    return (folder / "compose.yaml").read_text()


@pytest.fixture(scope="session")
def compose(compose_text) -> dict[str, Any]:
    return yaml.safe_load(compose_text)


@pytest.fixture(scope="session")
def services(compose) -> dict[str, Any]:
    return compose["services"]


@pytest.fixture(scope="session")
def example(folder) -> dict[str, str]:
    """Every variable of .env.example with its default; what is commented out is handed on only where it is set."""
    return dict(VARIABLE.findall((folder / ".env.example").read_text()))


@pytest.fixture(scope="session")
def dockerfile(folder) -> list[str]:
    """The instructions, each on one line, without comments."""
    text = "\n".join(line for line in (folder / "Dockerfile").read_text().splitlines() if not line.startswith("#"))
    return [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]


@pytest.fixture(scope="session")
def setup_cfg() -> ConfigParser:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser
