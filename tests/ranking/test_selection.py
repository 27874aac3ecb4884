import numpy as np
import pytest

from ml.ranking import LabelledFrame
from ml.ranking.dcn import DcnParameters
from ml.ranking.frame import Frame
from ml.ranking.lambdamart import LambdaMartParameters
from ml.ranking.selection import Fitted, best, fit_rankers


def rows(seed: int) -> LabelledFrame:
    generator = np.random.default_rng(seed)
    values = generator.random((1000, 2), np.float32)
    return LabelledFrame(Frame(("a", "b"), values, np.arange(0, 1001, 10)), (values[:, 0] > 0.9).astype(np.float32))


def test_both_are_fitted_and_measured_by_the_same_metric():
    parameters = {"lambdamart": LambdaMartParameters(rounds=5), "dcn": DcnParameters(epochs=1, device="cpu")}
    fitted = fit_rankers(parameters, rows(0), rows(1), seed=0, threads=1)
    assert list(fitted) == ["lambdamart", "dcn"]
    assert all(0 < each.ndcg <= 1 for each in fitted.values())
    described = fitted["dcn"].described()
    assert described["metrics"] == {"validation_ndcg@10": fitted["dcn"].ndcg, "epochs": 1}
    assert described["importance"] is None
    assert fitted["lambdamart"].described()["metrics"]["trees"] <= 5


@pytest.mark.parametrize(
    ("reached", "kept"),
    [((0.2, 0.3), "b"), ((0.3, 0.2), "a"), ((0.3, 0.3), "a"), ((np.nan, 0.1), "b"), ((np.nan, np.nan), "a")],
)
def test_the_better_one_is_kept(reached, kept):
    assert best({name: Fitted(None, ndcg) for name, ndcg in zip("ab", reached, strict=True)}) == kept
