"""One trained bank, for it costs a minute: its models are blind, and a visit to its site changes the next slate."""

from collections.abc import Iterator
from pathlib import Path

import bank
import numpy as np
import pytest
from blind_models import assert_blind, scores

from ml.bundle.bundle import Bundle
from ml.data.arrays import Indices
from ml.data.requests import Requests
from ml.data.windows import to_micros
from ml.domains import get_domain
from ml.evaluation.fairness.inputs import inputs_by_model
from ml.evaluation.fairness.treatment import everybody, guarded_items
from ml.features.store import Snapshot
from ml.ranking.recommender import Recommender
from ml.reranking.eligibility import ItemsSeen, decide
from ml.retrieval.contract import State
from ml.steps.sealed import known_now
from ml.steps.training import Training, recommender_of
from ml.steps.workbench import open_workbench

LOAN, PAGE = "ind_pres_fin_ult1", "/products/pres"
SLATE = 7
ASKED = 100  # users who are asked about with other protected facts
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("bank")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def raw(home: Path) -> Path:
    """The files that the bank lands."""
    return bank.generate(home / "raw")


@pytest.fixture(scope="module")
def training(raw: Path) -> Training:
    bank.features(raw)
    return bank.train()


def test_every_model_is_blind_to_protected_facts(training: Training) -> None:
    bench = open_workbench(training["features"], training["seed"])
    moment = to_micros(bench.dataset.windows.t3)
    model = recommender_of(training).refresh(State(bench.known.before(moment), moment))
    requests, snapshot = everybody(bench.dataset, moment, ASKED, 0), bench.features.at(moment)
    assert_blind(model, requests, snapshot, bench.dataset)
    assert_all_say_something(model, requests, snapshot, guarded_items(bench.dataset))


def assert_all_say_something(model: Recommender, requests: Requests, snapshot: Snapshot, items: Indices) -> None:
    """A model that says the same of everybody and everything would be blind without any proof."""
    declared = get_domain("banking")
    assert set(model.names) == set(declared.quotas)
    for name, found in scores(model, requests, snapshot, items).items():
        assert len(np.unique(found[np.isfinite(found)])) > 1, name
    read = inputs_by_model(model, items)
    assert {"income", "credit_utilisation"} <= set(read["classifiers"]) & set(read["attribute_towers"])
    assert not set(declared.protected_facts) & {name for names in read.values() for name in names}


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


def test_the_same_customer_gets_another_slate_after_a_visit(training: Training, raw: Path, tmp_path: Path) -> None:
    """To the loan's page and its calculator: the same files and one session more, by the same models."""
    before = bank.sealed(training, Path(training["features"]))
    user, *others = could_borrow(before)
    visited = bank.with_visit(raw, tmp_path / "raw", user, PAGE, bank.last_day(before))
    after = bank.sealed(training, bank.features(visited))
    assert after.manifest["as_of"] == before.manifest["as_of"]
    assert len(after.log) == len(before.log) + 2  # the view and the calculation
    (place, score), (place_after, score_after) = standing(before, user), standing(after, user)
    assert place_after < place
    assert score_after > score
    assert slates(after, [user]) != slates(before, [user])
    both = zip(slates(before, others), slates(after, others), strict=True)
    assert np.mean([old == new for old, new in both]) > 0.9
