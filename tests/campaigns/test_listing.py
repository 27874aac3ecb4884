"""Who may be told, who is chosen, and who is held back."""

from dataclasses import replace

import numpy as np
import planted_club as planted
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.campaigns.draws import stable_draws
from ml.campaigns.listing import CONTACTED, HAS_IT, SHOWED_INTEREST, call_roll, held_back, likeliest
from ml.data.windows import to_micros
from ml.domains.eligibility_rules import Consent
from ml.reranking.eligibility import ItemsSeen

NOW = to_micros(planted.AS_OF)


def roll(dataset, item, channel=None):
    items = ItemsSeen.of(dataset.catalogue, dataset.item_facts)
    return call_roll(planted.CLUB, planted.requests_at(dataset, NOW), items, item, channel)


def test_every_user_is_on_the_roll_or_left_out_for_one_reason():
    dataset = planted.club()
    found = roll(dataset, planted.THEN, "email")
    assert int(found.may.sum()) + sum(found.left_out.values()) == planted.MEMBERS
    assert set(found.left_out) == {SHOWED_INTEREST, CONTACTED, "adult@1", "consent@1"}


def test_an_item_that_everybody_has_is_told_to_nobody():
    found = roll(planted.club(), planted.EVERYBODY)
    assert not found.may.any()
    assert found.left_out == {HAS_IT: planted.MEMBERS}


def test_who_agreed_to_no_channel_may_not_be_told():
    dataset = planted.club()
    for found in (roll(dataset, planted.OTHER), roll(dataset, planted.OTHER, "email")):
        assert not found.may[::2].any()
        assert found.may[21::2].all()
        assert found.left_out["consent@1"] == (planted.MEMBERS - 20) // 2
        assert found.channels(np.array([20, 21])) == [[], ["email"]]


def test_one_channel_of_several_narrows_the_roll():
    dataset = planted.club()
    consent = Consent(id="consent", channels={"email": "consent_email", "post": "wants_post"}, **planted.WORDS)
    by_post = planted.states_of(dataset, wants_post=np.arange(planted.MEMBERS) % 3 == 0)
    rules = planted.CLUB.eligibility.model_copy(update={"rules": (planted.CLUB.eligibility.rules[0], consent)})
    domain = planted.CLUB.model_copy(update={"eligibility": rules, "user_facts": by_post.facts})
    requests = replace(planted.requests_at(dataset, NOW), facts=by_post)
    items = ItemsSeen.of(dataset.catalogue, dataset.item_facts)
    either, post = (call_roll(domain, requests, items, planted.OTHER, channel) for channel in (None, "post"))
    adults = np.arange(20, planted.MEMBERS)
    np.testing.assert_array_equal(either.may[adults], (adults % 2 == 1) | (adults % 3 == 0))
    np.testing.assert_array_equal(post.may[adults], adults % 3 == 0)
    assert either.channels(np.array([21, 24, 25, 26])) == [["email", "post"], ["post"], ["email"], []]
    assert post.channels(np.array([21, 25])) == [["post"], []]


def test_nobody_is_eligible():
    dataset = planted.dataset_of([], [12.0, np.nan], [1, 1])
    found = roll(dataset, planted.THEN)
    assert not found.may.any()
    assert found.left_out == {"adult@1": 2}
    assert found.first_to_tell.all(), "who may not be told may still ask"


@pytest.mark.parametrize(("share", "expected"), [(0.0, []), (0.5, [3, 1]), (1.0, [3, 1, 0, 4])])
def test_the_likeliest_of_those_who_may(share, expected):
    score = np.array([0.2, 0.5, 0.9, 0.7, 0.1], np.float32)
    may = np.array([True, True, False, True, True])
    assert likeliest(score, may, share, np.zeros(5)).tolist() == expected


def test_equal_scores_go_by_their_draws_and_not_by_number():
    draws = np.array([0.9, 0.1, 0.5])
    assert likeliest(np.zeros(3, np.float32), np.ones(3, bool), 1.0, draws).tolist() == [1, 2, 0]


@given(st.lists(st.text(), unique=True, max_size=30), st.integers(0, 5))
def test_draws_belong_to_the_user_and_not_to_the_order(names, seed):
    draws = stable_draws(names, seed)
    assert stable_draws(names[::-1], seed)[::-1].tolist() == draws.tolist()
    assert ((draws >= 0) & (draws < 1)).all()


def test_the_control_group_is_a_share_and_stays_the_same():
    names = np.array([f"u{number}" for number in range(20_000)], object)
    first = held_back(names, 0.1, 7, "then")
    assert abs(first.mean() - 0.1) < 0.01
    np.testing.assert_array_equal(first, held_back(names, 0.1, 7, "then"))
    both = first & held_back(names, 0.1, 7, "other")
    assert abs(both.mean() - 0.01) < 0.005, "groups of two items are independent"
    assert not held_back(names, 0.0, 7, "then").any()
