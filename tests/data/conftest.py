from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A SLATE_HOME of the test's own."""
    path = tmp_path / "home"
    monkeypatch.setenv("SLATE_HOME", str(path))
    return path
