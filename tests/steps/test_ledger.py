import pytest

from ml.artifacts import write_json
from ml.steps.ledger import configurations_that_saw

WINDOW = ("2018-01-01", "2018-01-29")


@pytest.fixture
def training(tmp_path, monkeypatch):
    """A function: the training of one seed."""
    monkeypatch.setenv("SLATE_HOME", str(tmp_path / "home"))
    write_json(tmp_path / "features" / "manifest.json", {"key": "f"})

    def described(seed: int) -> dict:
        return {
            "features": str(tmp_path / "features"), "seed": seed, "inputs": "both", "outputs": "new", "models": ["als"], "baselines": [], "quotas": {},
            "maximum_candidates": 10, "retriever_parameters": {"als": {}}, "ranker_parameters": {},
        }  # fmt: skip

    return described


def test_a_configuration_counts_once_however_often_it_is_judged(training):
    assert configurations_that_saw("retail", WINDOW, [training(1)]) == 1
    assert configurations_that_saw("retail", WINDOW, [training(1), training(1)]) == 1
    assert configurations_that_saw("retail", WINDOW, [training(2), training(3)]) == 3
    assert configurations_that_saw("retail", WINDOW, [training(1)]) == 3


def test_each_test_window_and_domain_has_its_own_count(training):
    configurations_that_saw("retail", WINDOW, [training(1), training(2)])
    assert configurations_that_saw("retail", ("2018-01-29", "2018-02-26"), [training(1)]) == 1
    assert configurations_that_saw("banking", WINDOW, [training(1)]) == 1
