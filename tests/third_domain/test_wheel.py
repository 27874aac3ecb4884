"""A domain of a dozen lines, two models and a mapping turns the whole wheel; then bad data meets the first gate."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import listening
import pandas as pd
import pytest
import wheel

from ml import steps
from ml.artifacts import file_digest, manifest, read_json
from ml.data.landing import landing_folder, partitions
from ml.errors import BadInput, RunFailed
from ml.settings import settings
from ml.tracking import registry

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")]
NEXT_DAY = listening.FIRST_DAY + timedelta(days=listening.DAYS)


@pytest.fixture(scope="module")
def turned(home: Path, exported: Path) -> dict[str, Any]:
    """A whole turn, and what each part of it answered."""
    gated = wheel.gated_landing(exported)
    return gated | {"features": wheel.features(), "challenger": wheel.challenger(), "promotion": wheel.promotion()}


def test_a_domain_without_a_loader_says_where_its_data_is_to_come_from(home: Path) -> None:
    with pytest.raises(BadInput, match="slate land --domain music --mapping"):
        steps.land("music")


def test_what_was_exported_lands_in_the_sources_words(turned: dict[str, Any]) -> None:
    assert turned["landed"]["tables"]["interactions"]["partitions"] == listening.DAYS
    assert turned["admitted"]["warnings"] == []
    files = [str(part.data) for part in partitions("music", "interactions")]
    found = duckdb.execute("SELECT DISTINCT event_type FROM read_parquet(?) ORDER BY 1", [files]).fetchall()
    assert found == [("play",), ("save",), ("skip",)]


def test_both_models_of_the_domain_stand_in_for_the_contracts(turned: dict[str, Any]) -> None:
    assert turned["features"]["plan"]["vars"]["own_models"] == [
        "int_music__item_versions", "stg_music__interactions",
    ]  # fmt: skip
    folder = Path(turned["features"]["published"])
    assert set(pd.read_parquet(folder / "events.parquet")["event_type"]) == {"view", "purchase", "skip"}
    items = pd.read_parquet(folder / "items.parquet").set_index("item_id")
    assert items["text"].str.contains("calm|loud").all()


def test_the_marts_pass_their_gate_without_what_the_source_lacks(turned: dict[str, Any]) -> None:
    assert turned["features"]["admitted"]["rules"] > 50
    supplied = manifest(Path(turned["features"]["published"]))["features"]
    assert "purchases" in supplied["user_features"]
    assert "spend" not in supplied["user_features"]


def test_the_gate_makes_the_challenger_the_champion(turned: dict[str, Any]) -> None:
    decision = turned["promotion"]["decision"]
    assert decision["promote"], decision["reasons"]
    assert turned["promotion"]["promoted"]["promoted"]
    champion = registry.version_at("music", "champion")
    assert champion is not None
    assert champion.number == turned["challenger"]["published"]["version"]
    assert decision["figures"]["difference"]["low"] > 0


def test_the_champion_knows_the_listeners_scene(turned: dict[str, Any]) -> None:
    slate = steps.recommend("music", listening.LISTENER, 5)["items"]
    assert len(slate) == 5
    assert {item["item_id"] for item in slate[:2]} <= set(listening.tracks_of(0))


def test_everybody_gets_a_slate(turned: dict[str, Any]) -> None:
    written = pd.read_parquet(steps.recommend_all("music")["path"])
    assert written["user_id"].nunique() == listening.LISTENERS
    assert (written.groupby("slate_id")["position"].max() > 0).all()


def test_the_monitor_reports(turned: dict[str, Any]) -> None:
    found = steps.report("music")
    assert found["champion"] == turned["challenger"]["published"]["version"]
    assert all(Path(path).exists() for path in found["reports"])
    assert not found["retrain"]  # nothing is newer than what the champion has seen


@pytest.fixture
def next_day(turned: dict[str, Any], exported: Path) -> Iterator[Path]:
    """Where the export of one more day goes; afterwards the whole day has landed."""
    yield exported / "days" / f"{NEXT_DAY}.csv"
    listening.write_day(exported, NEXT_DAY, whole_day())
    steps.land("music")


def whole_day() -> list[listening.Row]:
    return listening.events(listening.DAYS)


def test_a_day_of_which_half_is_missing_is_refused(exported: Path, next_day: Path) -> None:
    rows = sorted(whole_day())
    listening.write_day(exported, NEXT_DAY, rows[: len(rows) // 2])
    told = refusal()
    assert "interactions: volume_has_not_collapsed" in told
    assert f"day={NEXT_DAY}" in told
    assert f"events={len(rows) // 2}, events_the_day_before=" in told
    assert "Remedy: Land what is missing of that day" in told


def test_an_event_type_that_nobody_declared_is_refused(exported: Path, next_day: Path) -> None:
    rows = whole_day()
    listening.write_day(exported, NEXT_DAY, [*rows, (*rows[0][:3], "share", ""), (*rows[1][:3], "share", "")])
    told = refusal()
    assert "interactions.event_type: event_type_is_declared (2 rows)" in told
    assert f"user_id={rows[0][1]}" in told
    assert "Remedy: Map the source's type to a declared one" in told


def test_a_file_that_cannot_be_read_lands_nothing(exported: Path, next_day: Path) -> None:
    rows = whole_day()
    listening.write_day(exported, NEXT_DAY, [*rows, ("yesterday", *rows[0][1:])])
    before = standing()
    with pytest.raises(BadInput, match=re.escape(str(next_day))) as refused:
        steps.land("music")
    assert "column 'at' is no occurred_at in 1 rows" in str(refused.value)
    assert f"(row {len(rows) + 1}" in str(refused.value)
    assert standing() == before


def test_what_was_corrected_is_admitted(exported: Path, next_day: Path) -> None:
    listening.write_day(exported, NEXT_DAY, sorted(whole_day())[:5])
    refusal()
    listening.write_day(exported, NEXT_DAY, whole_day())
    assert wheel.gated_landing()["admitted"]["warnings"] == []
    assert len(partitions("music", "interactions")) == listening.DAYS + 1


def refusal() -> str:
    """What the gate says of a landing that it refuses, which has moved nothing and lost nothing."""
    before = standing()
    steps.land("music")
    with pytest.raises(RunFailed, match="the gate refuses the landing of music") as refused:
        steps.validate_landing("music")
    after = standing()
    assert before["landed"].items() <= after["landed"].items()
    assert {name: what for name, what in after.items() if name != "landed"} == {
        name: what for name, what in before.items() if name != "landed"
    }
    return str(refused.value)


def standing() -> dict[str, Any]:
    """The champion and what it answers, what has been published, and every landed file by the digest of its bytes."""
    champion, room = registry.version_at("music", "champion"), landing_folder("music")
    assert champion is not None
    landed = {
        path.name: file_digest(path / "data.parquet") for path in room.rglob("*") if (path / "data.parquet").exists()
    }
    return {
        "champion": champion.number,
        "slate": steps.recommend("music", listening.LISTENER, 5),
        "features": read_json(settings().domain_path("current", "music") / "features.json"),
        "landed": landed,
    }
