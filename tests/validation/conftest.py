from collections.abc import Callable
from pathlib import Path

import pytest

from ml.artifacts import file_digest, write_json


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A SLATE_HOME of the test's own."""
    path = tmp_path / "home"
    monkeypatch.setenv("SLATE_HOME", str(path))
    return path


@pytest.fixture
def kept(home: Path) -> Callable[[], dict[str, str]]:
    """Digests of what a gate must leave alone: the landing zone, the warehouse and what was published before."""
    write_json(home / "current/retail/features.json", {"path": "artifacts/features/abc"})
    write_json(home / "artifacts/features/abc/manifest.json", {"kind": "features"})

    def digests() -> dict[str, str]:
        rooms = ("landing", "warehouse", "artifacts", "current")
        files = [path for room in rooms for path in (home / room).rglob("*") if path.is_file()]
        return {str(path.relative_to(home)): file_digest(path) for path in files}

    return digests
