import multiprocessing
import os
import signal
import time

import numpy as np
import pytest
from planted_sessions import fit_small_hrnn as fit
from planted_sessions import queries, rings, sessions

from ml.errors import BadInput
from ml.sessions.hrnn import training

PAST = rings(200, 3, 7)


class Killed(BaseException):
    """What ends a training midway."""


@pytest.fixture
def killed(monkeypatch):
    """Ends trainings at the start of the epoch of this number."""

    def at(number: int) -> None:
        whole = training._Training._epoch

        def until(self, epoch):
            if epoch == number:
                raise Killed
            return whole(self, epoch)

        monkeypatch.setattr(training._Training, "_epoch", until)

    return at


def test_a_training_that_was_killed_goes_on_to_the_same_curve_and_weights(tmp_path, killed, monkeypatch):
    parameters = {"epochs": 4, "dropout": 0.3}
    whole = fit(PAST, **parameters)
    with monkeypatch.context():
        killed(2)
        with pytest.raises(Killed):
            fit(PAST, checkpoint=tmp_path / "state", **parameters)
    monkeypatch.undo()
    resumed = fit(PAST, checkpoint=tmp_path / "state", **parameters)
    assert resumed.curve == whole.curve
    assert resumed.earlier.processor > 0 == whole.earlier.processor
    asked = queries([[0, 1], [9], [20]])
    np.testing.assert_array_equal(resumed.rank(asked, 21).score, whole.rank(asked, 21).score)


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    fit(PAST, checkpoint=tmp_path / "state", epochs=1)
    with pytest.raises(BadInput, match="remove it"):
        fit(PAST, checkpoint=tmp_path / "state", epochs=2)
    with pytest.raises(BadInput, match="remove it"):
        fit(sessions([[0, 1]] * 5, 21), checkpoint=tmp_path / "state", epochs=1)


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_a_state_to_go_on_from(tmp_path):
    state, parameters = tmp_path / "state", {"epochs": 40}
    child = multiprocessing.get_context("spawn").Process(
        target=fit, args=(PAST,), kwargs={"checkpoint": state, **parameters}
    )
    child.start()
    while not state.exists():
        assert child.is_alive()
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert fit(PAST, checkpoint=state, **parameters).curve == fit(PAST, **parameters).curve
