"""Everybody's slates at once are those that the engine answers one by one, with what happened or as sealed."""

from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
from little_home import USERS, forget_what_happened

from ml.bundle.bundle import open_bundle
from ml.domains import DOMAINS
from ml.errors import BadInput
from ml.serving.contract import SlateRequest
from ml.serving.engine.engine import Budget, SlateEngine
from ml.serving.engine.profiles import Profiles
from ml.serving.engine.release import Release
from ml.serving.events import LiveEvent
from ml.serving.online.opening import open_live
from ml.steps import batch_slates
from ml.tracking import registry

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")]
PATIENT = Budget(60_000.0, 60_000.0)


@pytest.fixture(scope="module", autouse=True)
def quiet(home):
    forget_what_happened(home)


def engine_of(domain: str) -> SlateEngine:
    bundle = open_bundle(registry.bundle_of(domain, registry.version_of(domain, 1)))
    release = Release.of(DOMAINS[domain], 1, bundle)
    return SlateEngine(release, Profiles(release, None), lambda: bundle.snapshot.as_of, PATIENT)


def written(found: dict[str, object]) -> dict[str | None, list[tuple[str, float]]]:
    """Items and propensities by user, in their order."""
    rows: dict[str | None, list[tuple[str, float]]] = {}
    for row in pq.read_table(str(found["path"])).to_pylist():
        assert row["position"] == len(rows.setdefault(row["user_id"], [])) + 1
        rows[row["user_id"]].append((row["item_id"], row["propensity"]))
    return rows


@pytest.mark.parametrize(("domain", "placement"), [("retail", "home"), ("retail", "email"), ("banking", "home")])
def test_a_batch_holds_what_the_engine_answers(domain, placement):
    found, engine = batch_slates(domain, placement), engine_of(domain)
    rows = written(found)
    assert found["users"] == len(USERS)
    for user in [*USERS, None]:
        slate = engine.recommend(SlateRequest(placement, user_id=user))
        assert rows.get(user, []) == [(item.item_id, item.propensity) for item in slate.items]


def test_it_is_written_once_and_the_same_again():
    first = batch_slates("retail", "home")
    before = pq.read_table(first["path"])
    assert batch_slates("retail", "home") == first
    assert pq.read_table(first["path"]).equals(before)


def test_only_those_who_agreed_get_a_letter_from_the_bank():
    rows = written(batch_slates("banking", "email"))
    agreed = {user for number, user in enumerate(USERS) if number % 2 == 0}
    assert rows
    assert set(rows) <= agreed


def test_now_it_knows_what_happened():
    now = datetime(2018, 1, 2, tzinfo=UTC)
    gone = written(batch_slates("retail", "home"))[USERS[3]][0][0]
    at = round((now - timedelta(hours=1)).timestamp() * 1e6)
    with open_live("retail", now=lambda: at) as live:
        live.accept([LiveEvent("b-1", "s", gone, "decline", at, USERS[3])])
    items = [item for item, _ in written(batch_slates("retail", "home", now))[USERS[3]]]
    assert items
    assert gone not in items


def test_what_cannot_be_asked_for_is_refused():
    with pytest.raises(BadInput, match="stands beside an item"):
        batch_slates("retail", "product_page")
    with pytest.raises(BadInput, match="declares no 'nowhere'"):
        batch_slates("retail", "nowhere")
