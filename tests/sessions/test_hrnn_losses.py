import numpy as np
import pytest
import torch

from ml.sessions.hrnn.losses import (
    bpr_max_loss,
    hits,
    log_expected_draws,
    log_sum_of_negatives,
    mask_hits,
    sampled_softmax_loss,
    softmax_loss,
)

NO_HITS = hits(torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long))


def against(logits, found=NO_HITS):
    """The sum over the negatives of these logits (R, K), as products with unit vectors."""
    return log_sum_of_negatives(logits, torch.eye(logits.shape[1]).to(logits), torch.zeros_like(logits[0]), found)


def test_softmax_by_hand():
    logits = torch.tensor([[1.0, 2.0, 0.0]])
    assert softmax_loss(logits, torch.tensor([1])).item() == pytest.approx(-np.log(np.e**2 / (np.e + np.e**2 + 1)))


def test_the_sampled_softmax_with_every_other_item_once_is_the_full_one():
    logits = torch.tensor([[1.0, 2.0, 0.0], [0.5, -1.0, 3.0]])
    target = torch.tensor([1, 0])
    drawn = torch.arange(3)
    corrected = logits - log_expected_draws(torch.full((3,), 1 / 3), 3)  # each expected once: no correction
    positive = logits[torch.arange(2), target]
    found = sampled_softmax_loss(positive, against(corrected, hits(drawn, target)))
    torch.testing.assert_close(found, softmax_loss(logits, target))


def test_log_q_makes_the_sampled_softmax_an_estimate_of_the_full_one():
    random = np.random.default_rng(0)
    logits = torch.from_numpy(random.normal(size=(4, 50)))
    probability = random.dirichlet(np.ones(50))
    drawn = torch.from_numpy(np.sort(random.choice(50, 20_000, p=probability)))
    target = torch.tensor([0, 10, 20, 30])
    log_q = log_expected_draws(torch.from_numpy(probability)[drawn], len(drawn))
    vectors = torch.eye(50, dtype=torch.float64)[drawn]
    found = sampled_softmax_loss(
        logits[torch.arange(4), target], log_sum_of_negatives(logits, vectors, -log_q, hits(drawn, target))
    )
    torch.testing.assert_close(found, softmax_loss(logits, target), atol=0.05, rtol=0.02)


def test_hits_are_masked_as_often_as_they_were_drawn():
    found = mask_hits(torch.zeros(3, 5), hits(torch.tensor([1, 2, 2, 4, 6]), torch.tensor([2, 3, 6])))
    assert torch.isinf(found).tolist() == [
        [False, True, True, False, False], [False] * 5, [False, False, False, False, True],
    ]  # fmt: skip


def test_a_row_of_several_targets_counts_none_of_them_as_a_negative():
    logits = torch.tensor([[1.0, 2.0, 0.0, -1.0], [0.5, -1.0, 3.0, 0.0]])
    target, row = torch.tensor([1, 3, 0]), torch.tensor([0, 0, 1])
    masked = hits(torch.arange(4), target, row)
    assert torch.isinf(mask_hits(logits.clone(), masked)).tolist() == [
        [False, True, False, True], [True, False, False, False],
    ]  # fmt: skip
    found = sampled_softmax_loss(logits[row, target], against(logits, masked)[row])
    others = torch.tensor([np.e + 1, np.e + 1, np.exp(-1) + np.exp(3) + 1])
    positive = logits[row, target].exp()
    torch.testing.assert_close(found, -torch.log(positive / (positive + others)).float())


def test_where_nothing_is_negative_there_is_nothing_to_learn():
    positive, asked = torch.zeros(1, requires_grad=True), torch.ones(1, 3, requires_grad=True)
    drawn = torch.tensor([4, 4, 4])
    loss = sampled_softmax_loss(positive, against(asked, hits(drawn, torch.tensor([4])))).sum()
    loss.backward()
    assert loss.item() == 0
    assert positive.grad.tolist() == [0]
    assert asked.grad.tolist() == [[0.0] * 3]


def test_gradients_are_those_of_the_plain_formula():
    random = torch.Generator().manual_seed(0)
    asked, vectors, positive = (
        torch.randn(*shape, dtype=torch.float64, generator=random).requires_grad_() for shape in ((3, 4), (5, 4), (3,))
    )
    bias = torch.tensor([0.3, -1.0, 2.0, 0.0, 0.1], dtype=torch.float64)
    masked = hits(torch.tensor([1, 3, 3, 7, 9]), torch.tensor([3, 2, 9]))
    sampled_softmax_loss(positive, log_sum_of_negatives(asked, vectors, bias, masked)).sum().backward()
    found = [each.grad.clone() for each in (asked, vectors, positive)]
    asked.grad = vectors.grad = positive.grad = None
    negatives = (asked @ vectors.T + bias).index_put(masked, torch.tensor(-torch.inf, dtype=torch.float64))
    torch.nn.functional.cross_entropy(
        torch.cat([positive[:, None], negatives], dim=1), torch.zeros(3, dtype=torch.long), reduction="sum"
    ).backward()
    torch.testing.assert_close(found, [each.grad for each in (asked, vectors, positive)])


def test_bpr_max_by_hand():
    positive, negatives = torch.tensor([1.0]), torch.tensor([[0.0, np.log(3.0), -torch.inf]])
    above = 0.25 / (1 + np.exp(-1)) + 0.75 / (1 + np.exp(-(1 - np.log(3))))
    expected = -np.log(above) + 0.5 * 0.75 * np.log(3) ** 2
    assert bpr_max_loss(positive, negatives, 0.5).item() == pytest.approx(expected, rel=1e-5)
