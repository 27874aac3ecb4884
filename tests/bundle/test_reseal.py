"""The champion without erased users: nobody else's slate changes, and nothing of theirs is left anywhere."""

from datetime import UTC, datetime

import numpy as np
import pytest
import shop

from ml import steps
from ml.artifacts import write_json
from ml.bundle.bundle import open_bundle
from ml.bundle.reseal import reseal_without
from ml.data.traces import Identifier, scan
from ml.domains import DOMAINS, get_domain
from ml.domains.reranking import Reranking
from ml.errors import BadInput, RunFailed
from ml.serving.events import LiveEvent
from ml.serving.online.opening import open_live
from ml.steps import erasing
from ml.steps.sealed import dataset_of
from ml.tracking import registry

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")
NOW = datetime(2026, 1, 2, tzinfo=UTC)
USER = "u003"


@pytest.fixture
def resealed(bundle, home, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(home))
    with shop.declaring():
        return open_bundle(reseal_without(bundle, dataset_of(bundle, get_domain("retail")), [USER, "nobody"]))


def test_a_resealed_bundle_knows_nothing_of_the_user(bundle, resealed):
    assert bundle.knows(USER)
    assert not resealed.knows(USER)
    assert scan(resealed.path, Identifier(USER)) == []
    number = int(bundle.users.encode([USER])[0])
    assert not (resealed.log.user == number).any()
    assert np.isnan(resealed.snapshot.user[number]).all()
    assert not (resealed.snapshot.user_item.keys // resealed.snapshot.user_item.width == number).any()
    assert len(resealed.log) == len(bundle.log) - (bundle.log.user == number).sum()


def test_a_resealed_bundle_tells_nothing_that_the_user_did(bundle, resealed):
    number = int(bundle.users.encode([USER])[0])
    before, after = bundle.traces, resealed.traces
    theirs = before.trace.offsets[number + 1] - before.trace.offsets[number]
    assert theirs > 0
    assert len(after.trace.at) == len(before.trace.at) - theirs
    assert len(after.trace.take(np.array([number])).at) == 0
    for other in set(range(len(bundle.users))) - {number}:
        assert np.array_equal(after.of([other]).name, before.of([other]).name)
    kept = before.trace.rows != number
    for item in range(before.items):
        assert len(after.of_items([item]).at) == (kept & (before.trace.item == item)).sum()
    assert not any(USER.encode() in path.read_bytes() for path in resealed.path.rglob("*.npy"))


def test_the_user_is_a_stranger_and_the_others_are_who_they_were(bundle, resealed):
    def items(of, user):
        return [item.item_id for item in of.recommend([user], 10)[0].items]

    assert items(resealed, USER) == items(resealed, "stranger")
    others = [str(user) for user in bundle.users.ids if user != USER]
    assert len(resealed.users) == len(bundle.users)
    assert [resealed.users.encode([user])[0] for user in others] == [bundle.users.encode([user])[0] for user in others]
    assert np.mean([len({*items(resealed, u)} & {*items(bundle, u)}) for u in others]) > 8  # popularity moved a little


def test_sealing_without_nobody_known_changes_no_answer(bundle, home, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(home))
    with shop.declaring():
        same = open_bundle(reseal_without(bundle, dataset_of(bundle, get_domain("retail")), ["nobody"]))
    users = [str(user) for user in bundle.users.ids[:5]]
    assert same.recommend(users, 10) == bundle.recommend(users, 10)


@pytest.fixture
def champion(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    declared = DOMAINS["retail"].model_copy(update={"baselines": ("popularity",), "reranking": Reranking()})
    monkeypatch.setitem(DOMAINS, "retail", declared)
    features = shop.make_features(tmp_path / "artifacts" / "features" / "first")
    write_json(tmp_path / "current" / "retail" / "features.json", {"path": str(features)})
    training = steps.start_training("retail", {"models": ["popularity", "personal_frequency"]})
    for name in steps.trained_retrievers(training):
        steps.train_retriever(training, name)
    steps.train_ranker(training)
    version = steps.publish(training)["version"]
    registry.move_champion("retail", version, "the first", "a person", at=NOW)
    steps.recommend_all("retail")
    raw, log = tmp_path / "raw" / "retail", tmp_path / "serving" / "retail" / "log"
    raw.mkdir(parents=True)
    shop.purchases(shop.AS_OF, shop.USERS, shop.ITEMS).to_csv(raw / "sold.csv", index=False)
    log.mkdir(parents=True)
    (log / "1-2.log").write_text(f'{{"user_id":"{USER}"}}\n{{"user_id":"u004"}}\n', "utf-8")
    return tmp_path


def test_an_erased_user_is_nowhere(champion, monkeypatch):
    home = champion
    before = registry.version_at("retail", "champion")
    examples = [path for path in scan(home / "mlflow", Identifier("u000")) if "example" in path.name]
    assert examples == []  # what MLflow shows as an example is nobody
    assert steps.traces_of("retail", USER)["files"]
    with monkeypatch.context() as patch:  # killed before the files are treated: the champion stands, and it goes on
        patch.setattr(erasing._Work, "treat", _killed)
        with pytest.raises(KeyboardInterrupt):
            steps.erase("retail", [USER], at=NOW)
    done = steps.erase("retail", [USER], 30, at=NOW)
    assert steps.traces_of("retail", USER)["files"] == []
    after = registry.version_at("retail", "champion")
    assert after.number == done["champion"] == before.number + 1
    assert "trained weights are the same" in registry.moves("retail")[-1].reason
    assert [version.number for version in registry.versions("retail")] == [after.number]
    assert steps.recommend("retail", "u004", 5)
    assert (home / "serving/retail/log/1-2.log").read_text("utf-8") == '{"user_id":"u004"}\n'
    assert steps.traces_of("retail", "u004")["files"]
    again = steps.erase("retail", [USER], 30, at=NOW)
    assert (again["rewritten"], again["removed"], again["champion"]) == (0, 0, after.number)


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_the_declared_time_is_kept_or_told(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    with pytest.raises(RunFailed, match="declared 0"):
        steps.erase("retail", [USER], 0.0, at=NOW)
    with pytest.raises(BadInput, match="name at least one"):
        steps.erase("retail", [], at=NOW)
    assert steps.erase("retail", [USER], at=NOW)["rows"] == 0


def test_what_cannot_be_rewritten_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    (tmp_path / "somewhere").mkdir()
    (tmp_path / "somewhere" / "strange.bin").write_bytes(USER.encode())
    with pytest.raises(RunFailed, match=r"strange\.bin"):
        steps.erase("retail", [USER], at=NOW)


def test_whom_serving_was_told_to_forget_is_erased_and_not_remembered(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    events = [
        LiveEvent(f"e{number}", "s", "i000", "purchase", number, user_id=user)
        for number, user in enumerate((USER, "u004"), 1)
    ]
    with open_live("retail") as live:
        live.accept(events)
        live.erase(USER)
    assert steps.traces_of("retail", USER)["files"]
    done = steps.erase_pending("retail", 30)
    assert (done["users"], done["remembered"]) == (1, False)
    assert steps.traces_of("retail", USER)["files"] == []
    with open_live("retail") as live:
        assert live.erased() == []
        assert [[event.event_id for event in found] for found in live.events_of([USER, "u004"])] == [[], ["e2"]]
    assert steps.erase_pending("retail")["users"] == 0
