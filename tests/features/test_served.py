"""Once round: slates that were served and what people did with them, through landing and dbt, into the report."""

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import pandas as pd
import pytest
import small_shop

from ml.data.dataset import load_dataset
from ml.data.landing import partitions
from ml.data.windows import to_micros
from ml.monitoring.served import served
from ml.monitoring.served_page import write_served
from ml.serving.contract import ServedItem, ServedSlate
from ml.serving.events import LiveEvent
from ml.serving.impression_parts import impressions_folder
from ml.serving.impressions import ImpressionLog
from ml.serving.online.opening import log_folder
from ml.steps.features import build_features, plan, publish_features
from ml.steps.landing_served import land_served

SHOWN_AT = datetime.fromisoformat("2024-04-08T12:00:00+00:00")  # on the day after the loader's last
MINUTE = timedelta(minutes=1)


def slate(name: str, user: str | None, at: datetime, *items: str, placement: str = "home") -> ServedSlate:
    shown = tuple(
        ServedItem(item, place, 0.5, 0.1 if place == 2 else 1.0, ("popularity",), (), explored=place == 2)
        for place, item in enumerate(items, start=1)
    )
    return ServedSlate(
        name, "retail", placement, user, 4, "cached_slate" if user is None else None, shown, to_micros(at),
        session_id=f"{name}/visit", context={"device": "phone"},
    )  # fmt: skip


def event(name: str, kind: str, item: str, at: datetime, slate_id: str | None, **more: Any) -> LiveEvent:
    told = {"user_id": "李雷", "session_id": "s/visit", "slate_id": slate_id, **more}
    return LiveEvent(event_id=name, item_id=item, event_type=kind, occurred_at=to_micros(at), **told)


def write_segment(*events: LiveEvent) -> None:
    folder = log_folder("retail")
    folder.mkdir(parents=True, exist_ok=True)
    lines = [event.line() for event in events]
    content = b"".join(b"%08x %b\n" % (crc32(line), line) for line in lines)
    (folder / f"{1:020d}-{len(lines):020d}.log").write_bytes(content)


@pytest.fixture(scope="module")
def turned(
    built: dict[str, Any], home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Any:  # the published artifact, after slates were served in a copy of the built shop
    copy = tmp_path_factory.mktemp("served") / "home"
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("dbt"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", str(copy))
        log = ImpressionLog(impressions_folder("retail"))
        log.shown(slate("s", "李雷", SHOWN_AT, "milk", "クッキー", "soap"))
        log.shown(slate("anonymous", None, SHOWN_AT, "milk", "ghost", placement="item"))
        log.shown(slate("today", "anna", SHOWN_AT + timedelta(days=1), "milk"))
        log.close()
        write_segment(
            event("v1", "view", "milk", SHOWN_AT - MINUTE, "s"),  # the client's clock is behind
            event("v2", "purchase", "milk", SHOWN_AT + MINUTE, "s", value=2.5),
            event("v3", "purchase", "soap", SHOWN_AT + MINUTE, None, value=9.0),  # of its own accord
            event("v4", "adjustment", "クッキー", SHOWN_AT + MINUTE, "s"),  # says nothing about liking
            event("v5", "view", "milk", SHOWN_AT + 20 * 60 * MINUTE, "s"),  # of the day that is still being served
        )
        assert land_served("retail") == {"domain": "retail", "items": 0, "events": 5, "impressions": 6}
        assert land_served("retail") == {"domain": "retail", "items": 0, "events": 0, "impressions": 0}
        made = plan("retail")
        build_features(made, document=False)
        yield Path(publish_features(made))


def test_served_days_move_the_as_of_by_whole_days(turned: Path) -> None:
    assert load_dataset(turned).windows.as_of.isoformat() == "2024-04-09T05:00:00+00:00"


def test_the_mart_joins_slates_with_what_they_brought_about(turned: Path) -> None:
    mart = pd.read_parquet(turned / "impressions.parquet").set_index(["slate_id", "item_id"])
    assert set(mart.index.get_level_values(0)) == {"s", "anonymous"}, "nothing of the future is known"
    milk = mart.loc["s", "milk"]
    assert (milk["clicked"], milk["converted"], milk["value"], milk["settled"]) == (True, True, 2.5, False)
    assert milk["clicked_at"] == pd.Timestamp("2024-04-08 11:59")
    assert milk["converted_at"] == pd.Timestamp("2024-04-08 12:01")
    assert not mart.drop(("s", "milk"))["clicked"].any()
    assert not mart.drop(("s", "milk"))["value"].any()
    cookie = mart.loc["s", "クッキー"]
    assert (cookie["position"], cookie["propensity"], cookie["explored"]) == (2, 0.1, True)
    assert (mart.loc["anonymous", "ghost"]["user_id"], milk["user_id"]) == ("session:anonymous/visit", "李雷")


def test_served_events_are_events_like_all_others(turned: Path) -> None:
    events = pd.read_parquet(turned / "events.parquet").set_index("event_id")
    assert {"v1", "v2", "v3", "v4"} <= set(events.index)
    assert events.loc["v2", "slate_id"] == "s"
    assert len(events) == 484


def test_the_report_counts_a_click_and_a_purchase(turned: Path, tmp_path: Path) -> None:
    dataset = load_dataset(turned)
    found = served(dataset, dataset.windows.as_of - timedelta(days=7), seed=0)
    everything = found["all"]
    assert (everything["slates"], everything["impressions"], everything["users"]) == (2, 5, 2)
    assert everything["ctr"]["mean"] == pytest.approx(1 / 5)
    assert everything["conversion"]["mean"] == pytest.approx(1 / 5)
    assert everything["revenue_per_user"]["mean"] == pytest.approx(2.5 / 2)
    assert everything["explored_share"] == pytest.approx(2 / 5)
    assert everything["degraded_share"] == pytest.approx(1 / 2)
    assert list(found["placements"]) == ["home", "item"]
    assert found["placements"]["home"]["ctr"]["mean"] == pytest.approx(1 / 3)
    assert list(found["model_versions"]) == ["4"]
    write_served(tmp_path, found)
    page = (tmp_path / "served.html").read_text(encoding="utf-8")
    assert "By placement" in page
    assert "data:image/png;base64," in page


def test_a_loader_that_lands_again_leaves_what_was_served(turned: Path, read: Callable[[str], pd.DataFrame]) -> None:
    small_shop.land("first", interactions=[*small_shop.events(), small_shop.event(9, small_shop.START, "e", "milk")])
    assert [part.rows for part in partitions("retail", "interactions") if part.served] == [5]
    assert [part.rows for part in partitions("retail", "impressions") if part.served] == [6]
    assert read("SELECT count(*) AS n FROM impressions")["n"][0] == 5, "a view of the last build"
