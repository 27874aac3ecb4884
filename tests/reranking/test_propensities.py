"""Propensities are what counting says: the same candidates under many draws."""

import numpy as np
import pytest
from stall import slates

from ml.domains.reranking import Exploration, Pin, Reranking

DRAWS = 4_000
POLICIES = {
    "last places, uniformly": Reranking(exploration=Exploration(slots=2)),
    "last places, softmax": Reranking(exploration=Exploration(slots=3, temperature=0.3)),
    "each place, uniformly": Reranking(exploration=Exploration(epsilon=0.4)),
    "each place, softmax": Reranking(exploration=Exploration(epsilon=0.4, temperature=0.2)),
    "with a cap": Reranking(exploration=Exploration(slots=2), maximum_per_category=2),
    "with a pin among the last": Reranking(
        exploration=Exploration(slots=2), pins=(Pin(item_id="i11", position=5),), maximum_per_category=2
    ),
    "with too few left": Reranking(exploration=Exploration(slots=4)),
}


@pytest.mark.parametrize("name", POLICIES)
def test_an_item_stands_at_a_place_as_often_as_its_propensity_says(name):
    allowed = np.ones((DRAWS, 12), bool)
    if "too few" in name:
        allowed[:, 3:] = False
    found = slates(POLICIES[name], rows=DRAWS, allowed=allowed)  # the same candidates, each user's own draws
    for place in range(min(5, allowed[0].sum())):
        items, first, counts = np.unique(found.item[:, place], return_index=True, return_counts=True)
        told = found.propensity[first, place]
        assert (found.propensity[:, place] == told[np.searchsorted(items, found.item[:, place])]).all()
        assert told.sum() == pytest.approx(1)
        error = 4 * np.sqrt(told * (1 - told) / DRAWS)  # of a share of so many draws
        assert (np.abs(counts / DRAWS - told) <= error + 1e-9).all()
