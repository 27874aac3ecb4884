from datetime import UTC, datetime, timedelta

from ml.data.windows import Windows
from ml.domains import Protocol
from ml.monitoring.periods import Periods

WEEK = timedelta(weeks=1)
AS_OF = datetime(2024, 3, 4, tzinfo=UTC)
WINDOWS = Windows.of(AS_OF, Protocol(ranker_cadences=2, validation_cadences=1, test_cadences=3))


def test_without_a_champion_the_current_training_is_the_reference():
    found = Periods.of(WINDOWS)
    assert found.learnt == WINDOWS.t3 == AS_OF - 3 * WEEK
    assert found.tested == (AS_OF - 3 * WEEK, AS_OF - 2 * WEEK)
    assert (found.last, found.as_of) == (AS_OF - WEEK, AS_OF)


def test_a_champion_of_two_weeks_ago_is_held_to_its_own_test_window():
    found = Periods.of(WINDOWS, trained_until=AS_OF - 5 * WEEK, champion_as_of=AS_OF - 2 * WEEK)
    assert found.learnt == AS_OF - 5 * WEEK
    assert found.tested == (AS_OF - 5 * WEEK, AS_OF - 4 * WEEK, AS_OF - 3 * WEEK)


def test_a_champion_older_than_all_snapshots_is_held_to_the_nearest_there_are():
    found = Periods.of(WINDOWS, trained_until=AS_OF - 20 * WEEK, champion_as_of=AS_OF - 17 * WEEK)
    assert found.learnt == WINDOWS.t1
    assert found.tested == tuple(AS_OF - n * WEEK for n in (6, 5, 4, 3, 2))


def test_one_test_cadence_leaves_nothing_to_compare():
    windows = Windows.of(AS_OF, Protocol(ranker_cadences=1, validation_cadences=1, test_cadences=1))
    assert Periods.of(windows).tested == ()
    assert Periods.of(windows).as_dict()["last"] == "2024-02-26T00:00:00+00:00"
