"""What only LambdaMART has: XGBoost's own treatment of position bias. All else is in `test_rankers.py`."""

import json

import numpy as np
import pytest

from ml.ranking import LabelledFrame
from ml.ranking.clicks import ClickModel, log_clicks, planted
from ml.ranking.frame import Frame
from ml.ranking.lambdamart import LambdaMart, LambdaMartParameters

POSITIONS = 5
SMALL = LambdaMartParameters(rounds=15, maximum_depth=3, subsample=1, column_sample=1)


def placed(seed: int) -> LabelledFrame:
    generator = np.random.default_rng(seed)
    truth = planted(1500, POSITIONS, generator)
    log = log_clicks(truth, ClickModel.power(POSITIONS), generator)
    return LabelledFrame(truth.frame, log.click, position=log.position)


def test_xgboost_estimates_propensities_that_fall():
    ranker = LambdaMart.fit(placed(0), placed(1), SMALL, seed=0, threads=1)
    estimated = json.loads(ranker.booster.save_config())["learner"]["objective"]["ti+"]
    falling = [float(value) for value in estimated[:POSITIONS]]
    assert falling[0] == 1
    assert (np.diff(falling) < 0).all()


def test_the_order_of_the_rows_means_nothing_where_positions_are_given():
    train, unseen = placed(0), placed(2).frame
    turned = np.arange(len(train.label)).reshape(-1, POSITIONS)[:, ::-1].ravel()  # each request upside down
    again = LabelledFrame(
        Frame(train.frame.names, train.frame.values[turned], train.frame.offsets), train.label[turned],
        position=train.position[turned],
    )  # fmt: skip
    first, second = (
        LambdaMart.fit(each, placed(1), SMALL, seed=0, threads=1).predict(unseen) for each in (train, again)
    )
    np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("wrong", [[0, 0, 1, 2, 3], [0, 1, 2, 3, 5], [1, 2, 3, 4, 5]])
def test_positions_with_gaps_are_refused(wrong):
    frame = Frame(("x",), np.zeros((POSITIONS, 1), np.float32), np.array([0, POSITIONS]))
    train = LabelledFrame(frame, np.zeros(POSITIONS, np.float32), position=np.array(wrong, np.int32))
    with pytest.raises(ValueError, match="without gaps"):
        LambdaMart.fit(train, train, SMALL, seed=0, threads=1)
