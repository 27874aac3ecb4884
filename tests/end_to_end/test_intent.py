"""A visit to an item's page, or to its calculator, changes the next slate: a generated bank from files to a bundle."""

from pathlib import Path

import numpy as np
import pytest
from visits import after_visit

from ml import steps
from ml.bundle.bundle import Bundle, open_bundle
from ml.data.generators import get_generator
from ml.domains import get_domain
from ml.reranking.eligibility import ItemsSeen, decide
from ml.steps.sealed import known_now

LOAN = "ind_pres_fin_ult1"
ASKED = 20  # users


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    home = tmp_path_factory.mktemp("bank")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", str(home))
        get_generator("santander")(home / "raw", customers=6000, months=17, seed=102)
        steps.land("banking", data_folder=home / "raw")
        plan = steps.plan("banking")
        steps.build_features(plan, document=False)
        steps.publish_features(plan)
        steps.train("banking", "all", {"models": ["popularity", "classifiers"]})
        yield open_bundle(Path(steps.publish(steps.last_training("banking"))["bundle"]))


def could_borrow(bundle: Bundle) -> np.ndarray:
    """Some users to whom a loan may be offered and who never met it."""
    users = known_now(bundle)
    requests, items = bundle.requests(users), ItemsSeen.of(bundle.catalogue, bundle.item_facts)
    loan = bundle.items.encode([LOAN])[0]
    allowed = decide(get_domain("banking").eligibility, requests, items).allowed[:, loan]
    met = np.concatenate([requests.held.rows[requests.held.values == loan],
                          requests.history.rows[requests.history.item == loan]])  # fmt: skip
    return np.setdiff1d(np.flatnonzero(allowed), met)[:ASKED]


def ranks(bundle: Bundle, user: int) -> list[str]:
    """All items for one user, as the recommender ranks them before the slate is arranged."""
    asked = bundle.requests(np.array([user], np.int32))
    found = bundle.recommender.recommend(asked, bundle.snapshot, len(bundle.items), exclude=asked.barred)
    return [str(bundle.items.ids[item]) for item in found.item[0] if item >= 0]


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("kinds", [("view",), ("view", "calculate")])
def test_the_same_user_gets_another_slate_after_a_visit(bundle, kinds):
    loan = int(bundle.items.encode([LOAN])[0])
    users = known_now(bundle)[could_borrow(bundle)].tolist()
    assert len(users) == ASKED
    climbed, changed = [], 0
    for user in users:
        visited = after_visit(bundle, user, loan, kinds)
        climbed.append(ranks(bundle, user).index(LOAN) - ranks(visited, user).index(LOAN))
        name = [str(bundle.users.ids[user])]
        slates = [each.recommend(name, len(bundle.items))[0] for each in (bundle, visited)]
        changed += [item.item_id for item in slates[0].items] != [item.item_id for item in slates[1].items]
    assert np.mean(climbed) > 1
    assert np.mean(np.array(climbed) > 0) > 0.8
    assert changed > ASKED / 2
