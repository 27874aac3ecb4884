"""What is tried again when several processes write to the tracking store."""

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, TEMPORARILY_UNAVAILABLE

from ml.tracking import store

BUSY = MlflowException("database is locked", TEMPORARILY_UNAVAILABLE)
COLLIDED = MlflowException("(sqlite3.IntegrityError) UNIQUE constraint failed: params.key", BAD_REQUEST)
WRONG = MlflowException("no such run", BAD_REQUEST)


@pytest.fixture
def fails(monkeypatch):
    """A function that raises each of these errors once, and then answers with how often it was called."""
    monkeypatch.setattr(store.time, "sleep", lambda seconds: None)

    def failing(*errors):
        left, calls = [*errors], []

        @store.patient
        def answer():
            calls.append(1)
            if left:
                raise left.pop(0)
            return len(calls)

        return answer

    return failing


@pytest.mark.parametrize("error", [BUSY, COLLIDED])
def test_what_another_process_was_in_the_way_of_is_tried_again(fails, error):
    assert fails(error, error)() == 3


def test_what_is_wrong_is_not_tried_again(fails):
    with pytest.raises(MlflowException, match="no such run"):
        fails(WRONG)()


def test_it_is_not_tried_for_ever(fails):
    with pytest.raises(MlflowException, match="locked"):
        fails(*[BUSY] * store.ATTEMPTS)()
