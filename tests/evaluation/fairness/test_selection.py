"""A selection is judged by the shares of groups that are chosen."""

import numpy as np
import pytest
import treated_people as people

from ml.domains import Fairness
from ml.evaluation.fairness.selection import selection
from ml.evaluation.fairness.verdict import breaches

LIMITS = Fairness(minimum_group=50)


def selected(sizes: dict[str | None, int], shares: dict[str | None, float]) -> dict:
    """So many people a group, of whom the first share is chosen."""
    facts = people.table([group for group, size in sizes.items() for _ in range(size)])
    chosen = np.concatenate([np.arange(size) < shares[group] * size for group, size in sizes.items()])
    found = selection(facts, np.arange(len(chosen)), chosen, LIMITS, ("group",), seed=0)
    return found | {"protected_inputs": {}}


def test_shares_and_ratios_of_each_group_by_hand():
    document = selected({"a": 100, "b": 200, None: 80}, {"a": 0.1, "b": 0.05, None: 0.5})
    a, b, unknown = document["facts"]["group"]["groups"]
    assert (a["approval"]["mean"], b["approval"]["mean"]) == (pytest.approx(0.1), pytest.approx(0.05))
    assert b["approval_ratio"]["mean"] == pytest.approx(0.5)
    assert document["facts"]["group"]["most_favoured"] == "a"
    assert not unknown["judged"]
    (sentence,) = breaches(document, LIMITS)
    for part in ("group, group b", "0.500", "to the group a", "0.8"):
        assert part in sentence


@pytest.mark.parametrize(
    ("sizes", "shares"),
    [
        ({"a": 100, "b": 100}, {"a": 0.5, "b": 0.4}),
        ({"a": 100, "b": 100}, {"a": 0.0, "b": 0.0}),
        ({"a": 100, "b": 49}, {"a": 0.5, "b": 0.0}),
        ({"a": 100}, {"a": 0.1}),
    ],
    ids=["on the limit", "nobody", "too few to judge", "one group"],
)
def test_what_is_no_reason_to_refuse(sizes, shares):
    assert breaches(selected(sizes, shares), LIMITS) == []


def test_nobody_to_choose_from():
    found = selection(people.table([]), np.zeros(0, np.int64), np.zeros(0, bool), LIMITS, ("group",), seed=0)
    assert found["facts"]["group"] == {"most_favoured": None, "groups": []}
