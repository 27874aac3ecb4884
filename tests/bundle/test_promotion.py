"""From training to champion on the planted shop: what is published, judged, promoted, overruled and recommended."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shop

from ml import steps
from ml.artifacts import manifest, read_json, write_json
from ml.domains import DOMAINS
from ml.domains.reranking import Reranking
from ml.errors import BadInput, RunFailed
from ml.tracking import registry
from ml.tracking.store import client

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")
MODELS = ["popularity", "personal_frequency"]
BASELINES = ("popularity",)  # each costs a training, a ranking of every case and a run
WEEK = timedelta(weeks=1)
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("promotion")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", str(folder))
        patch.setitem(
            DOMAINS, "retail", DOMAINS["retail"].model_copy(update={"baselines": BASELINES, "reranking": Reranking()})
        )
        yield folder


def use_features(home: Path, name: str, as_of: datetime = shop.AS_OF, **sizes: int) -> None:
    """Publish these features, or point at them where they are published already."""
    folder = home / "artifacts" / "features" / name
    if not folder.exists():
        shop.make_features(folder, as_of, **sizes)
    write_json(home / "current" / "retail" / "features.json", {"path": str(folder)})


def train_and_publish(**parameters) -> int:
    training = steps.start_training("retail", {"models": MODELS, **parameters})
    for name in steps.trained_retrievers(training):
        steps.train_retriever(training, name)
    steps.train_ranker(training)
    return steps.publish(training)["version"]


@pytest.fixture(scope="module")
def first(home):
    use_features(home, "first")
    return train_and_publish()


@pytest.fixture(scope="module")
def champion(home, first):
    """The first version, promoted by hand where the gate would not: these tests are about what follows."""
    use_features(home, "first")
    decision = steps.judge("retail", at=NOW)
    steps.promote("retail", decision, force=True, reason="to begin with", at=NOW)
    return first


@pytest.fixture
def restored(home, champion):
    """After the test, the first version is champion and challenger again, on the first features."""
    yield champion
    use_features(home, "first")
    registry.settle("retail", at=NOW)
    registry.move_champion("retail", champion, "restored", "test", at=NOW)
    client().set_registered_model_alias("retail-slate", "challenger", str(champion))


def test_without_a_challenger_there_is_nothing_to_judge(home):
    with pytest.raises(RunFailed, match="slate publish"):
        steps.judge("retail")


def test_a_first_challenger_is_compared_with_the_best_baseline(home, first):
    decision = steps.judge("retail", at=NOW)
    assert decision["figures"]["comparison"] == "first"
    assert decision["figures"]["rival"]["name"].startswith("the baseline ")
    assert decision["figures"]["cases"] > 2 * 25
    assert (decision["challenger"], decision["champion"]) == (first, None)
    tags = client().get_model_version("retail-slate", str(first)).tags
    assert tags["gate_path"] == decision["path"]
    assert tags["gate_reasons"] == "\n".join(decision["reasons"])


def test_a_refused_challenger_does_not_become_champion(home, first):
    decision = steps.judge("retail", at=NOW) | {"promote": False}
    assert not steps.promote("retail", decision)["promoted"]
    assert registry.version_at("retail", "champion") is None
    assert registry.champion_number("retail") is None
    with pytest.raises(BadInput, match="needs a reason"):
        steps.promote("retail", decision, force=True)


def test_a_refusal_can_be_overruled_with_a_reason(champion):
    assert registry.version_at("retail", "champion").number == registry.champion_number("retail") == champion
    assert registry.moves("retail")[0].reason


def test_publishing_the_same_training_again_gives_the_same_version(champion):
    assert train_and_publish() == champion
    assert steps.judge("retail", at=NOW)["path"] == "refused: already champion"


def test_the_same_configuration_on_newer_data_is_judged_as_fresh_data(home, restored):
    use_features(home, "second", shop.AS_OF + WEEK, users=shop.USERS + 4, items=shop.ITEMS + 3)
    version = train_and_publish()
    decision = steps.judge("retail", at=NOW)
    assert (decision["challenger"], decision["champion"]) == (version, restored)
    figures = decision["figures"]
    assert figures["comparison"] == "fresh data"
    assert figures["cases"] > 2 * 25
    # The old bundle answers on the new data: nearly as well, though it has never heard of the new items.
    assert 0.5 < figures["rival"]["metric"] / figures["challenger"]["metric"] < 1.5
    assert figures["rival"]["trained_until"] < figures["challenger"]["trained_until"]


def test_other_parameters_are_judged_as_a_new_configuration(home, restored):
    use_features(home, "first")
    train_and_publish(models=["popularity"])
    decision = steps.judge("retail", at=NOW)
    assert decision["figures"]["comparison"] == "new configuration"
    better = decision["figures"]["difference"]["low"] > 0
    assert decision["promote"] <= better
    assert f"lower bound {'is' if better else 'is not'} above zero" in decision["reasons"][0]


def test_a_challenger_on_data_that_the_champion_learnt_from_is_refused_with_the_dates(home, restored):
    use_features(home, "early", shop.AS_OF - 2 * WEEK)
    train_and_publish()
    decision = steps.judge("retail", at=NOW)
    assert decision["path"] == "refused: overlap"
    assert "2017-12-04 05:00" in decision["reasons"][0]
    assert "2017-12-18 05:00" in decision["reasons"][0]


def test_a_decision_does_not_hold_for_another_champion(home, restored):
    other = next(version.number for version in registry.versions("retail") if version.number != restored)
    another = next(version.number for version in registry.versions("retail") if version.number not in (restored, other))
    decision = {"challenger": other, "champion": restored, "promote": True, "path": "fresh data", "reasons": ["fine"]}
    client().set_registered_model_alias("retail-slate", "champion", str(another))
    with pytest.raises(RunFailed, match="judge again"):
        steps.promote("retail", decision, at=NOW)
    assert registry.moves("retail")[-1].reason == "moved by hand"


def test_promotion_and_rollback_are_moves_of_the_alias(home, restored):
    other = next(version.number for version in registry.versions("retail") if version.number != restored)
    decision = {"challenger": other, "champion": restored, "promote": True, "path": "fresh data", "reasons": ["fine"]}
    assert steps.promote("retail", decision, at=NOW) == {
        "promoted": True, "version": other, "previous": restored, "path": "fresh data", "reasons": ["fine"]
    }  # fmt: skip
    assert registry.moves("retail")[-1].by == "gate"
    assert steps.rollback("retail", restored, "complaints", at=NOW)["previous"] == other
    assert registry.version_at("retail", "champion").number == restored


def test_recommendations_name_version_items_and_sources(champion, caplog):
    answer = steps.recommend("retail", "u003", 5)
    assert answer["user_id"] == "u003"
    assert answer["model_version"] == champion
    assert len(answer["items"]) == 5
    assert set(answer["items"][0]) == {
        "item_id", "name", "score", "sources", "position", "propensity", "reasons",
    }  # fmt: skip
    assert answer["items"][0]["reasons"] == ["ranked 1 of the candidates"]
    assert answer["shortfall"] is None
    assert "unknown" not in caplog.text
    assert steps.recommend("retail", "nobody", 5)["items"]
    assert "user nobody is unknown" in caplog.text


def test_without_item_vectors_similar_items_are_refused_with_the_remedy(champion):
    with pytest.raises(RunFailed, match="two_tower"):
        steps.similar("retail", "i003", 5)


def test_slates_for_everybody_are_impressions(home, champion):
    made = steps.recommend_all("retail")
    frame = pd.read_parquet(made["path"])
    assert read_json(home / "current" / "retail" / "slates.json")["path"] == str(Path(made["path"]).parent)
    assert Path(made["path"]).parent.name == f"20180101T050000Z-v{champion}"
    assert frame["slate_id"].nunique() == shop.USERS + 1
    assert frame["user_id"].isna().sum() == 10  # the slate of anybody else
    assert frame.groupby("slate_id")["position"].apply(list).map(lambda places: places == [*range(1, 11)]).all()
    assert (frame["propensity"] == 1).all()
    assert (frame["model_version"] == champion).all()
    assert frame["shown_at"].isna().all()
    assert frame["clicked"].isna().all()
    alone = steps.recommend("retail", "u003", 10)["items"]
    own = frame[frame["user_id"] == "u003"].sort_values("position")
    assert own["item_id"].tolist() == [item["item_id"] for item in alone]
    assert [list(sources) for sources in own["sources"]] == [item["sources"] for item in alone]
    before = Path(made["path"]).stat().st_mtime_ns
    assert steps.recommend_all("retail") == made
    assert Path(made["path"]).stat().st_mtime_ns == before


def test_mlflow_answers_with_slates(champion):
    import mlflow

    from ml.tracking.store import tracking_uri

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(tracking_uri())
    try:
        model = mlflow.pyfunc.load_model("models:/retail-slate@champion")
    finally:
        mlflow.set_tracking_uri(before)
    found = model.predict(pd.DataFrame({"user_id": ["u003", "nobody"]}))
    expected = steps.recommend("retail", "u003", 10)["items"]
    assert found[found["user_id"] == "u003"]["item_id"].tolist() == [item["item_id"] for item in expected]
    assert found["position"].tolist() == [*range(1, 11)] * 2


KILLED = """
import sys, time
from pathlib import Path
from ml import steps
from ml.bundle import seal

def hang(*_, **__):
    Path(sys.argv[1]).touch()
    time.sleep(600)

seal._index = hang
steps.publish(steps.last_training("retail"))
"""


def test_a_publish_that_is_killed_leaves_the_champion_and_can_be_run_again(home, restored, tmp_path):
    use_features(home, "first")
    training = steps.start_training("retail", {"models": MODELS, "seed": 11})
    steps.train_ranker(training)
    before = [version.as_dict() for version in registry.versions("retail")]
    half = tmp_path / "half"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(half)])
    try:
        deadline = time.monotonic() + 60
        while not half.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert [version.as_dict() for version in registry.versions("retail")] == before
    assert steps.recommend("retail", "u003", 5)["model_version"] == restored
    published = steps.publish(training)
    assert manifest(Path(published["bundle"]))["lineage"]["training"] == training["key"]
    assert registry.version_at("retail", "challenger").number == published["version"]
    assert registry.version_at("retail", "champion").number == restored


def test_a_recommender_with_no_answer_for_a_stranger_is_not_registered(home, restored):
    use_features(home, "first")
    training = steps.start_training("retail", {"models": ["personal_frequency"]})
    steps.train_ranker(training)
    before = [version.as_dict() for version in registry.versions("retail")]
    with pytest.raises(RunFailed, match=r"personal_frequency answer those alone.*popularity among the models"):
        steps.publish(training)
    assert [version.as_dict() for version in registry.versions("retail")] == before


def test_the_same_training_sealed_twice_is_the_same_to_the_byte(home, champion, tmp_path, monkeypatch):
    version = registry.version_of("retail", champion)
    sealed = manifest(registry.bundle_of("retail", version))["files"]
    from ml.bundle.seal import Sealed, seal
    from ml.steps.promotion import open_version, training_of
    from ml.steps.training import recommender_of
    from ml.steps.workbench import open_workbench

    training = training_of(open_version("retail", version))
    bench = open_workbench(training["features"], training["seed"])
    parts = Sealed(recommender_of(training), bench.dataset, bench.features)
    lineage = manifest(registry.bundle_of("retail", version))["lineage"]
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    again = seal(parts, lineage, seed=training["seed"])
    assert manifest(again)["files"] == sealed
    assert np.all([name in sealed for name in ("catalogue.parquet", "log/item.npy", "recommender/ranker/trees.ubj")])
