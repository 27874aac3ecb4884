"""One trained bank for all tests that read it."""

from collections.abc import Iterator
from pathlib import Path

import bank
import pytest

from ml.steps.training import Training


@pytest.fixture(scope="session")
def bank_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bank")


@pytest.fixture(scope="session")
def bank_files(bank_home: Path) -> Path:
    """The raw files."""
    return bank.generate(bank_home / "raw")


@pytest.fixture(scope="session")
def bank_training(bank_home: Path, bank_files: Path) -> Training:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", str(bank_home))
        bank.features(bank_files)
        return bank.train()


@pytest.fixture
def banking(bank_home: Path, bank_training: Training, monkeypatch: pytest.MonkeyPatch) -> Iterator[Training]:
    """The training, within its home."""
    monkeypatch.setenv("SLATE_HOME", str(bank_home))
    return bank_training
