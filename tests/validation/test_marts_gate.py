"""Marts that break their expectations are not published: the gate tells the rule and the rows."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import landed_shop as shop
import pytest
import warehouse

from ml.errors import RunFailed
from ml.settings import settings
from ml.steps.validating import validate_marts

Kept = Callable[[], dict[str, str]]

# What is planted, the column and rule in the message, and words from the rows that it shows.
BAD = [
    (
        "update events set occurred_at = '2024-03-14 05:00' where event_id = 'e0-0'",
        "events: happened_before_as_of (1 row)",
        "event_id=e0-0, user_id=anna, item_id=milk, occurred_at=2024-03-14 05:00:00, as_of=2024-03-13 05:00:00",
    ),
    ("delete from events where event_id = 'e0-1'", "events: no_event_is_lost", "landed=540, kept=539"),
    ("update events set user_id = null where event_id = 'e0-2'", "events: keys_are_present (1 row)", "event_id=e0-2"),
    ("delete from items where item_id = 'soap'", "events: item_is_described (126 rows)", "item_id=soap"),
    ("insert into users by name select 'anna' as user_id", "users.user_id: user_id_is_unique (2 rows)", "user_id=anna"),
    ("delete from users where user_id = '李雷'", "users: everyone_is_there (1 row)", "user_id=李雷"),
    (
        "update user_features set promoted_share = 1.2 where user_id = 'anna'",
        "user_features.promoted_share: share_is_within_bounds[promoted_share] (1 row)",
        "user_id=anna, as_of=2024-03-13 05:00:00, promoted_share=1.2",
    ),
    (
        "update item_features set recency_days = -0.5 where item_id = 'milk'",
        "item_features.recency_days: days_are_not_negative[recency_days] (2 rows)",
        "item_id=milk",
    ),
    (
        "insert into item_features by name select 'milk' as item_id, as_of from item_features where item_id = 'milk'",
        "item_features: key_is_unique (2 rows)",
        "item_id=milk, as_of=2024-03-13 05:00:00, times=2",
    ),
    (
        "insert into item_features by name select 'milk' as item_id, '2042-01-01'::timestamp as as_of",
        "item_features: moment_is_planned (1 row)",
        "as_of=2042-01-01",
    ),
    (
        "delete from user_features where as_of < '2024-03-13'",
        "user_features: every_moment_is_there (1 row)",
        "moment=2024-03-06 05:00:00",
    ),
    (
        "delete from user_item_features where user_id = 'Łukasz' and item_id = 'milk' and as_of > '2024-03-13'",
        "user_item_features: purchases_add_up (1 row)",
        "user_id=Łukasz",
    ),
]


def refusal() -> str:
    with pytest.raises(RunFailed) as refused:
        validate_marts(warehouse.PLAN)
    return str(refused.value)


def test_marts_in_order_pass(home: Path, kept: Kept, capfd: pytest.CaptureFixture[str]) -> None:
    shop.land(shop.clean())
    warehouse.build()
    before = kept()
    verdict = validate_marts(warehouse.PLAN)
    assert {warning["rule"].split("[")[0] for warning in verdict["warnings"]} == {"feature_says_something"}
    assert Path(verdict["report"]).exists()
    assert kept() == before
    assert capfd.readouterr().out == ""


def test_every_broken_rule_is_told_and_nothing_is_changed(home: Path, kept: Kept) -> None:
    shop.land(shop.clean())
    warehouse.build(*(statement for statement, *_ in BAD))
    before = kept()
    told = refusal()
    assert "sessions: events_add_up (1 row)" in told  # the event that is gone is missed here too
    assert f"{len(BAD) + 1} rules are broken" in told
    for _, rule, row in BAD:
        assert rule in told
        assert row in told
    assert kept() == before


def test_marts_that_are_not_built_are_said_so(home: Path) -> None:
    shop.land(shop.clean())
    assert "the marts are not built. Run: slate features --domain retail" in refusal()
    warehouse.build("drop table sessions")
    assert "the marts sessions are not built" in refusal()


def test_a_warehouse_in_other_hands_is_said_so(home: Path) -> None:
    shop.land(shop.clean())
    warehouse.build()
    holding = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", holding, str(settings().warehouse("retail"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        assert "one process at a time has it open" in refusal()
        holder.communicate("")
