import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from planted_sessions import fit_small_hrnn, queries, sessions

from ml.sessions.hrnn import Hrnn
from ml.sessions.hrnn.batching import Step
from ml.sessions.hrnn.workers import Workers


def past():
    random = np.random.default_rng(2)
    rows = [random.integers(0, 12, random.integers(1, 6)).tolist() for _ in range(300)]
    return sessions(rows, 12, users=random.integers(-1, 40, 300))


def fit() -> Hrnn:
    return fit_small_hrnn(past(), epochs=2, batch_size=16)


def test_each_lane_of_a_step_belongs_to_one_process():
    step = Step(np.arange(10, 15), np.array([0, 1, 2, 5, 6]), first=False)
    shares = [Workers(rank, 2).own(step) for rank in (0, 1)]
    assert [share.row.tolist() for share in shares] == [[10, 12, 14], [11, 13]]
    assert [share.lane.tolist() for share in shares] == [[0, 2, 6], [1, 5]]
    assert Workers().own(step) is step


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(tmp_path):
    """`torchrun` over gloo: the same curve and the same answers, but for the order in which numbers are added."""
    launched = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", __file__]
    subprocess.run([*launched, str(tmp_path)], check=True, timeout=300)
    one, two = fit(), Hrnn.load(tmp_path)
    np.testing.assert_allclose(two.curve, one.curve, rtol=1e-3)
    asked = queries([[0, 1, 2], [7], [3, 3]], users=[-1, 3, 5])
    np.testing.assert_allclose(two.rank(asked, 12).score, one.rank(asked, 12).score, atol=0.05)
    np.testing.assert_allclose(two.user_states, one.user_states, atol=0.02)


if __name__ == "__main__":
    import os

    model = fit()
    if os.environ["RANK"] == "0":
        model.save(Path(sys.argv[1]))
