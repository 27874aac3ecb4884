"""Each part of the loss, with its arithmetic by hand."""

import math

import pytest
import torch

from ml.retrieval.two_tower import losses


def test_log_q_is_the_probability_of_at_least_one_draw():
    # Two pairs and one uniform draw out of four items; the item is half of all pairs, or none of them.
    found = losses.inclusion_log_probability(torch.tensor([0.5, 0.0]), draws=2, uniform=1, items=4)
    assert found.exp().tolist() == pytest.approx([1 - 0.5**2 * 0.75, 0.25], rel=1e-5)


def test_log_q_agrees_with_counting_draws():
    random = torch.Generator().manual_seed(0)
    share = torch.tensor([0.6, 0.3, 0.1, 0.0])
    pairs = torch.multinomial(share, 20_000 * 3, replacement=True, generator=random).view(-1, 3)
    uniform = torch.randint(0, 4, (20_000, 2), generator=random)
    drawn = torch.cat([pairs, uniform], dim=1)
    seen = torch.stack([(drawn == item).any(1).float().mean() for item in range(4)])
    found = losses.inclusion_log_probability(share, draws=3, uniform=2, items=4).exp()
    assert found.tolist() == pytest.approx(seen.tolist(), abs=0.01)


def test_log_q_of_an_item_that_cannot_be_drawn_stays_finite():
    assert torch.isfinite(losses.inclusion_log_probability(torch.tensor([0.0, 1.0]), 3, 0, 2)).all()


def test_a_positive_of_the_request_is_no_negative():
    logits = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    found = losses.mask_hits(logits, torch.tensor([0, 0, 1]), torch.tensor([0, 2, 1]))
    assert found.tolist() == [[-math.inf, 2.0, -math.inf], [4.0, -math.inf, 6.0]]


@pytest.mark.parametrize(("count", "kept"), [(0, [1.0, 3.0, 2.0]), (2, [3.0, 2.0]), (9, [1.0, 3.0, 2.0])])
def test_the_hardest_negatives_are_the_highest(count, kept):
    assert losses.hardest(torch.tensor([[1.0, 3.0, 2.0]]), count).tolist() == [kept]


def test_softmax_by_hand():
    # One request with the positives 2 and 1; the negative 0 and one that is masked.
    negatives = torch.tensor([[0.0, -math.inf]])
    found = losses.softmax_loss(torch.tensor([2.0, 1.0]), negatives, torch.tensor([0, 0]))
    by_hand = [math.log(math.exp(value) + 1) - value for value in (2.0, 1.0)]
    assert found.tolist() == pytest.approx(by_hand)


def test_softmax_with_log_q_makes_up_for_popular_candidates():
    """The corrected loss over sampled candidates estimates the one over all of them."""
    random = torch.Generator().manual_seed(1)
    scores = torch.randn(50, generator=random)
    share = torch.softmax(2 * torch.randn(50, generator=random), 0)
    exact = torch.logsumexp(scores, 0)
    estimates, uncorrected = [], []
    for _ in range(2000):
        popular = torch.multinomial(share, 30, replacement=True, generator=random)
        candidates = torch.cat([popular, torch.randint(0, 50, (10,), generator=random)]).unique()
        log_q = losses.inclusion_log_probability(share[candidates], draws=30, uniform=10, items=50)
        estimates.append(torch.logsumexp(scores[candidates] - log_q, 0).exp())
        uncorrected.append(torch.logsumexp(scores[candidates], 0).exp())
    assert torch.stack(estimates).mean().log().item() == pytest.approx(exact.item(), abs=0.03)
    assert torch.stack(uncorrected).mean().log().item() < exact.item() - 0.2


def test_softmax_without_any_negative_costs_nothing():
    negatives = torch.full((1, 2), -math.inf)
    positive = torch.tensor([0.5], requires_grad=True)
    loss = losses.softmax_loss(positive, negatives, torch.tensor([0]))
    loss.sum().backward()
    assert loss.tolist() == [0.0]
    assert positive.grad is not None
    assert positive.grad.tolist() == [0.0]


def test_triplet_by_hand():
    # Margin 0.2: against 0.6 the positive 0.5 fails by 0.3, against 0.1 not at all; the third is masked.
    negatives = torch.tensor([[0.6, 0.1, -math.inf]])
    found = losses.triplet_loss(torch.tensor([0.5, 0.9]), negatives, torch.tensor([0, 0]), margin=0.2)
    assert found.tolist() == pytest.approx([0.3 / 2, 0.0])


def test_weights_of_the_pairs():
    found = losses.weighted_mean(torch.tensor([1.0, 4.0]), torch.tensor([1.0, 0.5]))
    assert found.item() == pytest.approx(3.0 / 1.5)
    assert losses.weighted_mean(torch.tensor([1.0]), torch.tensor([0.0])).item() == 0
