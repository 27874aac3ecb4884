import numpy as np
import pytest
import torch

from ml.sessions.hrnn.losses import bpr_max_loss, log_expected_draws, mask_hits, sampled_softmax_loss, softmax_loss


def test_softmax_by_hand():
    logits = torch.tensor([[1.0, 2.0, 0.0]])
    assert softmax_loss(logits, torch.tensor([1])).item() == pytest.approx(-np.log(np.e**2 / (np.e + np.e**2 + 1)))


def test_the_sampled_softmax_with_every_other_item_once_is_the_full_one():
    logits = torch.tensor([[1.0, 2.0, 0.0], [0.5, -1.0, 3.0]])
    target = torch.tensor([1, 0])
    drawn = torch.arange(3)
    corrected = logits - log_expected_draws(torch.full((3,), 1 / 3), 3)  # each expected once: no correction
    positive = logits[torch.arange(2), target]
    found = sampled_softmax_loss(positive, mask_hits(corrected, drawn, target))
    torch.testing.assert_close(found, softmax_loss(logits, target))


def test_log_q_makes_the_sampled_softmax_an_estimate_of_the_full_one():
    random = np.random.default_rng(0)
    logits = torch.from_numpy(random.normal(size=(4, 50)))
    probability = random.dirichlet(np.ones(50))
    drawn = torch.from_numpy(np.sort(random.choice(50, 20_000, p=probability)))
    target = torch.tensor([0, 10, 20, 30])
    log_q = log_expected_draws(torch.from_numpy(probability)[drawn], len(drawn))
    negatives = mask_hits(logits[:, drawn] - log_q, drawn, target)
    found = sampled_softmax_loss(logits[torch.arange(4), target], negatives)
    torch.testing.assert_close(found, softmax_loss(logits, target), atol=0.05, rtol=0.02)


def test_hits_are_masked_as_often_as_they_were_drawn():
    found = mask_hits(torch.zeros(3, 5), torch.tensor([1, 2, 2, 4, 6]), torch.tensor([2, 3, 6]))
    assert torch.isinf(found).tolist() == [
        [False, True, True, False, False], [False] * 5, [False, False, False, False, True],
    ]  # fmt: skip


def test_a_row_of_several_targets_counts_none_of_them_as_a_negative():
    logits = torch.tensor([[1.0, 2.0, 0.0, -1.0], [0.5, -1.0, 3.0, 0.0]])
    target, row = torch.tensor([1, 3, 0]), torch.tensor([0, 0, 1])
    negatives = mask_hits(logits.clone(), torch.arange(4), target, row)
    assert torch.isinf(negatives).tolist() == [[False, True, False, True], [True, False, False, False]]
    found = sampled_softmax_loss(logits[row, target], negatives, row)
    against = torch.tensor([np.e + 1, np.e + 1, np.exp(-1) + np.exp(3) + 1])
    positive = logits[row, target].exp()
    torch.testing.assert_close(found, -torch.log(positive / (positive + against)).float())


def test_where_nothing_is_negative_there_is_nothing_to_learn():
    positive, negatives = torch.zeros(2, requires_grad=True), torch.full((2, 3), -torch.inf, requires_grad=True)
    loss = sampled_softmax_loss(positive, negatives).sum()
    loss.backward()
    assert loss.item() == 0
    assert positive.grad.tolist() == [0, 0]
    assert negatives.grad.tolist() == [[0.0] * 3] * 2


def test_gradients_are_those_of_the_plain_formula():
    positive = torch.tensor([0.3, -0.2], dtype=torch.float64, requires_grad=True)
    negatives = torch.tensor([[0.1, 0.5, -torch.inf], [1.0, 0.0, 0.2]], dtype=torch.float64, requires_grad=True)
    sampled_softmax_loss(positive, negatives).sum().backward()
    found = negatives.grad.clone(), positive.grad.clone()
    negatives.grad = positive.grad = None
    torch.nn.functional.cross_entropy(
        torch.cat([positive[:, None], negatives], dim=1), torch.zeros(2, dtype=torch.long), reduction="sum"
    ).backward()
    torch.testing.assert_close(found, (negatives.grad, positive.grad))


def test_bpr_max_by_hand():
    positive, negatives = torch.tensor([1.0]), torch.tensor([[0.0, np.log(3.0), -torch.inf]])
    above = 0.25 / (1 + np.exp(-1)) + 0.75 / (1 + np.exp(-(1 - np.log(3))))
    expected = -np.log(above) + 0.5 * 0.75 * np.log(3) ** 2
    assert bpr_max_loss(positive, negatives, 0.5).item() == pytest.approx(expected, rel=1e-5)
