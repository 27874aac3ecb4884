"""Few served events after the loader's last day are no collapsed day; a gap in the loader's own data still is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import landed_shop as shop
import pytest

from ml.data.windows import to_micros
from ml.errors import RunFailed
from ml.serving.events import LiveEvent
from ml.steps.landing_served import land_events
from ml.steps.validating import validate_landing

END = shop.START + timedelta(days=shop.DAYS)  # of the loader's last day


def serve(name: str, at: datetime) -> None:
    micros = to_micros(at.replace(tzinfo=UTC))
    event = LiveEvent(name, f"{name}/visit", "milk", "view", micros, user_id="李雷")
    assert land_events("retail", [[event]], now=shop.LANDED_AT)["landed"] == 1


def test_a_few_served_events_do_not_stop_the_run(home: Path) -> None:
    shop.land(shop.clean())
    serve("v1", END + timedelta(hours=30))
    assert validate_landing("retail")["warnings"] == []
    assert validate_landing("retail", f"{END + timedelta(days=1):%Y-%m-%d}")["warnings"] == []


def test_what_was_served_does_not_hide_that_the_loader_lost_a_day(home: Path) -> None:
    tables = shop.clean()
    last = shop.START + timedelta(days=shop.DAYS - 1)
    tables["interactions"] = [
        row for row in tables["interactions"] if row["occurred_at"] < last + timedelta(minutes=20)
    ]
    shop.land(tables)
    serve("v1", last + timedelta(hours=20))
    with pytest.raises(RunFailed, match="volume_has_not_collapsed"):
        validate_landing("retail")
