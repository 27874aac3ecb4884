from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.data.windows import Windows, default_as_of, parse_as_of, to_micros
from ml.domains import Protocol
from ml.errors import BadInput

MOMENTS = st.datetimes(datetime(2000, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC))


def test_windows_are_nested_back_from_the_as_of_instant():
    protocol = Protocol(cadence_days=7, ranker_cadences=4, validation_cadences=2, test_cadences=3)
    windows = Windows.of(datetime(2018, 1, 1, 5, tzinfo=UTC), protocol)
    assert [moment.strftime("%m-%d") for moment in (windows.t1, windows.t2, windows.t3)] == ["10-30", "11-27", "12-11"]
    assert len(windows.snapshots) == protocol.snapshots == 10
    assert windows.snapshots[-1] == windows.as_of
    assert windows.moments(windows.t3, windows.as_of)[0] == windows.t3


@given(MOMENTS, st.integers(0, 23))
def test_the_default_as_of_is_the_first_start_of_a_day_after_the_last_event(last, hour):
    as_of = default_as_of(last, Protocol(day_starts_at_hour=hour))
    assert last < as_of <= last + timedelta(days=1)
    assert (as_of.hour, as_of.minute, as_of.second, as_of.microsecond) == (hour, 0, 0, 0)


def test_a_date_means_the_start_of_the_sources_day():
    assert parse_as_of("2018-01-01", Protocol(day_starts_at_hour=5)) == datetime(2018, 1, 1, 5, tzinfo=UTC)
    assert parse_as_of("2018-01-01T06:00:00+02:00", Protocol()) == datetime(2018, 1, 1, 4, tzinfo=UTC)
    assert parse_as_of("2018-01-01T06:00:00", Protocol()) == datetime(2018, 1, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "2018-13-01", "01/02/2018"])
def test_anything_else_is_bad_input_that_says_what_is_expected(text):
    with pytest.raises(BadInput, match="2018-01-01"):
        parse_as_of(text, Protocol())


@given(MOMENTS)
def test_microseconds_are_exact(moment):
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=to_micros(moment)) == moment
