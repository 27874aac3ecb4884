import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import load_file

from ml.ranking import LabelledFrame
from ml.ranking.clicks import ClickModel, log_clicks, planted
from ml.ranking.contract import ndcg
from ml.ranking.dcn import Dcn, DcnParameters
from ml.ranking.dcn.network import CrossLayer, DcnNetwork, PositionTower
from ml.ranking.dcn.objective import softmax_loss
from ml.ranking.dcn.scaling import Scaling

POSITIONS = 6
SMALL = DcnParameters(epochs=6, hidden_sizes=(32,), learning_rate=0.01, device="cpu")


@pytest.fixture(scope="module")
def shown() -> dict[str, LabelledFrame]:
    """Clicks on 5,000 requests with their positions and without, and what is true of 2,000 others."""
    generator, model = np.random.default_rng(0), ClickModel.power(POSITIONS)
    truth = planted(5000, POSITIONS, generator)
    log = log_clicks(truth, model, generator)
    return {
        "placed": LabelledFrame(truth.frame, log.click, position=log.position),
        "plain": LabelledFrame(truth.frame, log.click),
        "unseen": planted(2000, POSITIONS, generator),
    }


@pytest.fixture(scope="module")
def placed(shown) -> Dcn:
    return Dcn.fit(shown["placed"], shown["unseen"], SMALL, seed=0, threads=1)


def test_the_tower_is_left_out_at_serving(placed, shown, tmp_path):
    """What is saved knows nothing of positions, and the scores are the network's own logits."""
    placed.save(tmp_path)
    names = {name.split(".")[1] for name in load_file(tmp_path / "weights.safetensors") if name.startswith("network.")}
    assert names == {"cross", "deep", "logit"}
    frame = shown["unseen"].frame
    with torch.no_grad():
        logits = placed.network(torch.from_numpy(placed.scaling(frame.values))).numpy()
    np.testing.assert_array_equal(placed.predict(frame), logits)


def test_the_tower_learns_that_lower_positions_are_examined_less(placed):
    examined = placed.curves["position_tower"]
    assert examined[0] == 1
    assert examined[1] < 0.85
    assert max(examined[2:]) < 0.7


def test_with_the_tower_biased_clicks_teach_more_of_what_is_true(placed, shown):
    plain = Dcn.fit(shown["plain"], shown["unseen"], SMALL, seed=0, threads=1)
    with_tower, without = (ndcg(shown["unseen"], each.predict(shown["unseen"].frame)) for each in (placed, plain))
    assert with_tower > without + 0.01


def test_a_cross_layer_by_hand():
    """x0 ⊙ (W x + b) + x with W = [[1, 2], [0, 1]], b = (1, 0), x0 = (2, 3), x = (1, 4): (2·10 + 1, 3·4 + 4)."""
    layer = CrossLayer(2, rank=0)
    with torch.no_grad():
        layer.linear.weight.copy_(torch.tensor([[1.0, 2.0], [0.0, 1.0]]))
        layer.linear.bias.copy_(torch.tensor([1.0, 0.0]))
    assert layer(torch.tensor([[2.0, 3.0]]), torch.tensor([[1.0, 4.0]])).tolist() == [[21, 16]]


def test_a_low_rank_has_fewer_weights():
    def weights(rank: int) -> int:
        return sum(each.numel() for each in CrossLayer(40, rank).parameters())

    assert weights(4) == 2 * 4 * 40 + 40
    assert weights(0) == weights(40) == 40 * 40 + 40


def test_unknown_is_told_from_zero_only_where_it_may_occur():
    torch.manual_seed(0)
    network = DcnNetwork(torch.tensor([True, False]), DcnParameters(dropout=0)).eval()
    first, second = network(torch.tensor([[0.0, 0.0], [float("nan"), 0.0]])).tolist()
    assert first != pytest.approx(second)
    first, second = network(torch.tensor([[0.0, 0.0], [0.0, float("nan")]])).tolist()
    assert first == pytest.approx(second)


def test_a_deep_tower_of_no_layers_leaves_the_cross_layers():
    network = DcnNetwork(torch.tensor([False, False]), DcnParameters(hidden_sizes=()))
    assert network(torch.zeros(3, 2)).shape == (3,)


def test_the_position_tower_is_relative_to_the_first():
    tower = PositionTower(3)
    with torch.no_grad():
        tower.logit.copy_(torch.log(torch.tensor([0.8, 0.4, 0.2])))
    assert tower.examination() == pytest.approx([1, 0.5, 0.25])
    assert tower(torch.tensor([2, 0])).exp().tolist() == pytest.approx([0.2, 0.8])


def test_the_loss_by_hand():
    """A request of logits 0, 0 with one gain of 3 and one of a single candidate: (3 · log 2 + 1 · 0) / 4."""
    logits, gain = torch.zeros(3), torch.tensor([3.0, 0.0, 1.0])
    place = torch.tensor([[0, 0], [0, 1], [1, 0]])
    assert softmax_loss(logits, gain, place).item() == pytest.approx(3 * np.log(2) / 4)
    assert softmax_loss(logits, torch.zeros(3), place).item() == 0


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.float32, st.tuples(st.integers(1, 30), st.just(2)), elements=st.floats(-(2.0**100), 2.0**100, width=32)),
    st.integers(2, 20),
)
def test_scaling_keeps_the_order_and_the_bounds(values, quantiles):
    scaled = Scaling.of(values, quantiles)(values)
    assert (np.abs(scaled) <= 1 + 1e-6).all()
    for before, after in zip(values.T, scaled.T, strict=True):
        order = np.argsort(before, kind="stable")
        assert (np.diff(after[order]) >= -1e-6).all()
        assert len(np.unique(after[before == before[0]])) == 1


def test_scaling_marks_what_is_unknown():
    values = np.array([[1, np.nan, np.nan], [2, 5, np.nan], [3, 6, np.inf]], np.float32)
    scaling = Scaling.of(values, 4)
    assert scaling.gaps.tolist() == [False, True, True]
    assert np.isnan(scaling(values)).tolist() == np.isfinite(values).__invert__().tolist()
    assert scaling(values)[:, 0].tolist() == pytest.approx([-1, 0, 1], abs=1e-6)
