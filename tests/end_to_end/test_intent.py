"""A visit to the loan's page and its calculator changes the customer's next slate: from raw files to the slate."""

from pathlib import Path

import bank
import numpy as np
import pytest

from ml.bundle.bundle import Bundle
from ml.domains import get_domain
from ml.reranking.eligibility import ItemsSeen, decide
from ml.steps.sealed import known_now
from ml.steps.training import Training

LOAN, PAGE = "ind_pres_fin_ult1", "/products/pres"
SLATE = 7


def could_borrow(bundle: Bundle) -> list[str]:
    """The users to whom a loan may be offered and who never met it."""
    users = known_now(bundle)
    requests, items = bundle.requests(users), ItemsSeen.of(bundle.catalogue, bundle.item_facts)
    loan = bundle.items.encode([LOAN])[0]
    allowed = decide(get_domain("banking").eligibility, requests, items).allowed[:, loan]
    met = np.concatenate([requests.held.rows[requests.held.values == loan],
                          requests.history.rows[requests.history.item == loan]])  # fmt: skip
    return [str(name) for name in bundle.users.ids[users[np.setdiff1d(np.flatnonzero(allowed), met)]]]


def slates(bundle: Bundle, users: list[str]) -> list[list[str]]:
    return [[item.item_id for item in found.items] for found in bundle.recommend(users, SLATE)]


def standing(bundle: Bundle, user: str) -> tuple[int, float]:
    """The loan's place in the recommender's own ranking of all items, and its score."""
    asked = bundle.requests(bundle.users.encode(np.array([user], object)))
    found = bundle.recommender.recommend(asked, bundle.snapshot, len(bundle.items), exclude=asked.barred)
    place = int(np.flatnonzero(bundle.items.ids[found.item[0]] == LOAN)[0])
    return place, float(found.score[0, place])


@pytest.mark.slow
def test_the_same_customer_gets_another_slate_after_a_visit(
    banking: Training, bank_files: Path, tmp_path: Path
) -> None:
    before = bank.sealed(banking, Path(banking["features"]))
    user, *others = could_borrow(before)
    raw = bank.with_visit(bank_files, tmp_path / "raw", user, PAGE, bank.last_day(before))
    after = bank.sealed(banking, bank.features(raw))
    assert after.manifest["as_of"] == before.manifest["as_of"]
    assert len(after.log) == len(before.log) + 2  # the view and the calculation
    (place, score), (place_after, score_after) = standing(before, user), standing(after, user)
    assert place_after < place
    assert score_after > score
    assert slates(after, [user]) != slates(before, [user])
    both = zip(slates(before, others), slates(after, others), strict=True)
    assert np.mean([old == new for old, new in both]) > 0.9
