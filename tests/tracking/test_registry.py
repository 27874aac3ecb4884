"""The registry: one model a domain, aliases, recorded moves, and hands that move them behind our back."""

from datetime import UTC, datetime

import pandas as pd
import pytest
from echo import open_echo

from ml.artifacts import artifact_path, write_json
from ml.errors import BadInput, RunFailed
from ml.tracking import registry, runs
from ml.tracking.store import client, tracking_uri

pytestmark = [
    # From within mlflow, on import and on every download.
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]
NAME = "retail-slate"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EXAMPLE = pd.DataFrame({"user_id": ["1", "2"]})


def publish(word: str) -> registry.Version:
    folder = artifact_path("bundle", f"key-{word}")
    lineage = {"features": "f", "as_of": "2018-01-01", "trained_until": "2017-12-04", "configuration": "c",
               "seed": 7, "training": "t", "code": "d"}  # fmt: skip
    if not folder.exists():
        folder.mkdir(parents=True)
        (folder / "word.txt").write_text(word)
        write_json(folder / "manifest.json", {"key": f"key-{word}", "lineage": lineage})
    run = runs.open_training("retail", word, {}, {})
    answer = open_echo(folder).predict(EXAMPLE)
    return registry.register_challenger("retail", folder, run, opener="echo:open_echo", example=EXAMPLE, answer=answer)


@pytest.fixture(scope="module", autouse=True)
def two_versions(home) -> list[registry.Version]:
    assert registry.versions("retail") == []
    assert registry.version_at("retail", "champion") is None
    assert registry.settle("retail", at=NOW) is None
    return [publish("one"), publish("two")]


def move(version: int, reason: str = "better", by: str = "gate", **options):
    return registry.move_champion("retail", version, reason, by, at=NOW, **options)


@pytest.fixture(autouse=True)
def first_is_champion(two_versions):
    registry.settle("retail", at=NOW)
    move(1)


def test_each_bundle_is_one_version_and_the_newest_the_challenger():
    again = publish("two")
    assert again.number == 2
    assert again.aliases == ("challenger",)
    assert [version.number for version in registry.versions("retail")] == [2, 1]
    assert (again.bundle, again.seed, again.trained_until) == ("key-two", 7, "2017-12-04")
    assert client().get_model_version(NAME, "2").tags["training"] == "t"


def test_publishing_leaves_the_champion_alone():
    publish("three")
    assert registry.version_at("retail", "champion").number == 1
    client().delete_model_version(NAME, "3")
    publish("two")


def test_the_alias_moves_and_the_move_is_recorded():
    made = move(2, "beats the champion")
    assert registry.version_at("retail", "champion").number == 2
    assert registry.moves("retail")[-1] == made
    assert (made.version, made.previous, made.at, made.overrule) == (2, 1, "2026-01-02T03:04:05+00:00", False)
    assert client().get_model_version(NAME, "2").tags["promoted_because"] == "beats the champion"


def test_moving_to_where_it_points_changes_nothing():
    before = registry.moves("retail")
    assert move(1) is None
    assert registry.moves("retail") == before


def test_rollback_is_moving_the_alias_back():
    move(2)
    made = move(1, "complaints", "a person", overrule=True)
    assert (made.version, made.previous, made.overrule) == (1, 2, True)
    assert registry.version_at("retail", "champion").number == 1


@pytest.mark.parametrize(("version", "reason", "message"), [(9, "why", "no version 9"), (2, " ", "say why")])
def test_a_move_needs_a_version_and_a_reason(version, reason, message):
    with pytest.raises(BadInput, match=message):
        move(version, reason)
    assert registry.version_at("retail", "champion").number == 1


def test_an_alias_moved_by_hand_is_recorded_as_an_overrule():
    client().set_registered_model_alias(NAME, "champion", "2")
    noticed = registry.settle("retail", at=NOW)
    assert (noticed.version, noticed.previous, noticed.reason, noticed.overrule) == (2, 1, "moved by hand", True)
    assert registry.settle("retail", at=NOW) is None
    assert registry.moves("retail")[-1] == noticed


def test_the_reason_of_a_hand_is_asked_as_a_tag():
    client().set_model_version_tag(NAME, "2", registry.REASON_TAG, "seasonal range")
    client().set_registered_model_alias(NAME, "champion", "2")
    assert registry.settle("retail", at=NOW).reason == "seasonal range"
    client().delete_model_version_tag(NAME, "2", registry.REASON_TAG)


@pytest.mark.parametrize("moved", [True, False])
def test_a_process_killed_while_it_moves_the_alias_is_not_taken_for_a_hand(monkeypatch, moved):
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    if moved:
        monkeypatch.setattr(registry, "_record", killed)
    else:
        monkeypatch.setattr(registry, "_point", killed)
    with pytest.raises(KeyboardInterrupt):
        move(2, "beats the champion")
    monkeypatch.undo()
    monkeypatch.setenv("SLATE_HOME", str(registry.settings().home))
    assert registry.settle("retail", at=NOW) is None
    last = registry.moves("retail")[-1]
    assert (last.version, last.overrule) == ((2, False) if moved else (1, False))
    assert registry.version_at("retail", "champion").number == last.version


def test_the_champion_answers_through_mlflow(two_versions):
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(tracking_uri())
    try:
        model = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
        assert model.predict(pd.DataFrame({"user_id": ["9"]})).to_dict("records") == [
            {"user_id": "9", "word": "one", "position": 1}
        ]
        assert model.metadata.signature.inputs.input_names() == ["user_id"]
        assert model.metadata.saved_input_example_info is not None
    finally:
        mlflow.set_tracking_uri(before)


def test_no_pickle_is_stored(home):
    stored = [path.name for path in (home / "mlflow" / "artifacts").rglob("*") if path.is_file()]
    assert "served_model.py" in stored
    assert not [name for name in stored if name.endswith((".pkl", ".pickle", ".joblib", ".pth"))]


def test_a_bundle_that_is_not_here_is_fetched_from_the_registry():
    version = registry.version_of("retail", 1)
    here = registry.bundle_of("retail", version)
    away = here.with_name("away")
    here.rename(away)
    fetched = registry.bundle_of("retail", version)
    assert fetched == here
    assert (fetched / "word.txt").read_text() == "one"


def test_what_is_missing_is_said_with_the_step_that_makes_it():
    with pytest.raises(RunFailed, match="slate publish"):
        registry.require(None, "challenger")


def test_a_booster_is_logged_in_its_own_format(home):
    import numpy as np
    import xgboost

    from ml.tracking.models import log_booster

    rows = pd.DataFrame(np.random.default_rng(0).random((20, 2)).astype(np.float32), columns=["age", "price"])
    booster = xgboost.train({"max_depth": 2}, xgboost.DMatrix(rows, label=rows["age"]), 2)
    run = runs.log_model(runs.open_training("retail", "one", {}, {}), "ranker", {}, {})
    model = log_booster(run, "ranker", booster, rows.head(3))
    assert log_booster(run, "ranker", booster, rows.head(3)) == model
    files = {path.name for path in (home / "mlflow" / "artifacts").rglob(f"{model}/**/*")}
    assert {"model.ubj", "input_example.json"} <= files
