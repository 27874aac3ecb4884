"""What the training steps share."""

from threadpoolctl import threadpool_info

from ml.settings import settings
from ml.steps.workbench import side_by_side


def test_a_retriever_takes_its_own_threads_whatever_a_step_may_use(monkeypatch):
    monkeypatch.setenv("SLATE_THREADS", "8")
    monkeypatch.setenv("SLATE_TRAINING_THREADS", "1")
    with side_by_side():
        assert settings().threads == 1
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}
    assert settings().threads == 8
