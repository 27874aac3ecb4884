from datetime import UTC, datetime, timedelta

import numpy as np
import planted_members as members
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.data.windows import from_micros, later, to_micros
from ml.domains import Protocol
from ml.retrieval.classifiers.clock import Clock
from ml.retrieval.classifiers.inputs import read
from ml.retrieval.classifiers.parameters import RowsParameters
from ml.retrieval.classifiers.rows import training_rows
from ml.retrieval.classifiers.schema import Schema
from ml.retrieval.classifiers.standard import Standard
from ml.retrieval.classifiers.takes import Takes

DAY = members.DAY
MONTHLY, WEEKLY = Protocol(cadence_months=1), Protocol()


@pytest.mark.parametrize(
    ("protocol", "at", "expected"),
    [
        (MONTHLY, datetime(2024, 3, 31, 23, tzinfo=UTC), 0),
        (MONTHLY, datetime(2024, 2, 29, 23, tzinfo=UTC), 1),
        (MONTHLY, datetime(2024, 1, 31, 23, tzinfo=UTC), 2),
        (MONTHLY, datetime(2020, 1, 1, tzinfo=UTC), 5),
        (WEEKLY, datetime(2024, 3, 25, tzinfo=UTC), 0),
        (WEEKLY, datetime(2024, 3, 24, 23, tzinfo=UTC), 1),
    ],
)
def test_cadences_are_counted_from_the_moment(protocol, at, expected):
    moment = np.array([to_micros(datetime(2024, 4, 1, tzinfo=UTC))])
    assert Clock(protocol).passed(np.array([to_micros(at)]), moment, 5).tolist() == [expected]


@given(st.integers(0, 2000), st.integers(1, 400), st.sampled_from([MONTHLY, WEEKLY]))
def test_so_many_whole_cadences_have_passed(day, hours, protocol):
    moment = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=day)
    at = moment - timedelta(hours=hours)
    passed = int(Clock(protocol).passed(np.array([to_micros(at)]), np.array([to_micros(moment)]), 99)[0])
    assert later(moment, -passed - 1, protocol) <= at < later(moment, -passed, protocol)


def test_instants_survive_the_way_there_and_back():
    moment = datetime(2024, 2, 29, 12, 30, 1, 7, tzinfo=UTC)
    assert from_micros(to_micros(moment)) == moment


def test_takes_of_a_span_and_their_shares():
    log = members.log_of(
        np.array([0, 0, 1, 1]), np.array([0, 1, 1, 2]), np.array([10, 11, 11, 12]) * DAY + 5,
        np.array([members.ADD, members.ADD, members.ADD, members.VIEW]), np.zeros(4), users=2,
    )  # fmt: skip
    takes = Takes.of(log)
    assert takes.between(10 * DAY, 12 * DAY)[:3].tolist() == [1, 2, 0]  # a view is no take
    assert takes.share(11 * DAY, 40 * DAY)[:2].tolist() == [0, 1]
    assert np.isnan(takes.share(9 * DAY, 12 * DAY)).all()  # nobody kept a log then


def inputs_of(events):
    """One member with these (item, days before now, type, value)."""
    user, item = np.zeros(len(events), np.int64), np.array([event[0] for event in events], np.int64)
    at = members.NOW - np.round(np.array([event[1] for event in events]) * DAY).astype(np.int64)
    order = np.argsort(at)
    kind, value = np.array([event[2] for event in events], np.int64), np.array([event[3] for event in events], float)
    log = members.log_of(user[order], item[order], at[order], kind[order], value[order], users=1)
    dataset = members.dataset_of(log, np.zeros(1, bool), np.random.default_rng(0))
    schema = Schema.of(dataset, RowsParameters())
    return schema, read(members.requests(dataset), schema, Takes.of(log))


EVENTS = [
    (0, 70, members.ADD, 0),  # July
    (1, 100, members.ADD, 0),  # June
    (1, 40, members.DROP, 0),  # August
    (2, 3, members.VIEW, 50),  # September
    (2, 2, members.VIEW, 20),
    (2, 45, members.VIEW, 900),  # August
]


def test_shared_inputs():
    schema, inputs = inputs_of(EVENTS)
    of = dict(zip(inputs.names, inputs.shared[0].tolist(), strict=True))
    assert "fact secret" not in of
    assert of["fact joined"] == members.NOW / DAY - 15_000
    assert (of["month"], of["items_held"], of["has lead"], of["has follower"]) == (9, 1, 1, 0)
    assert of["begun lead"] == pytest.approx(1 / 3)
    assert (of["begun follower"], of["ended follower"]) == (pytest.approx(1 / 4), pytest.approx(1 / 2))
    assert of["last view"] == pytest.approx(np.log(3))
    assert of["few view"] == pytest.approx(np.log(4))
    assert of["liking returner"] == pytest.approx(np.log1p(0.4))
    assert len(schema.readable(members.LOAN, inputs.names)) == len(inputs.names)  # nothing protected was read at all


def test_inputs_of_each_item():
    _, inputs = inputs_of(EVENTS)
    of = dict(zip(inputs.own_names, inputs.own[0].T.tolist(), strict=True))
    assert of["fee"] == list(range(7))
    assert of["largest_value"][:4] == [0, 0, pytest.approx(np.log(51)), 0]
    assert of["last view"][1:4] == [0, pytest.approx(np.log(3)), 0]
    assert of["popularity"] == [0] * 7  # nothing was taken in September
    assert np.isnan(of["popularity_a_year_ago"]).all()
    assert inputs.pairs().shape == (7, len(inputs.own_names))


def test_rows_are_all_takers_and_a_share_of_the_others():
    dataset = members.planted(users=300)
    everybody, some = (training_rows(dataset, members.NOW, share, 1) for share in (1.0, 0.2))
    # The first cadence begins before the first event: 300 members in each of the eight or nine others.
    assert len(everybody.requests) in (300 * 8, 300 * 9)
    assert some.taken.sum() == everybody.taken.sum()
    quiet = (~everybody.taken.any(axis=1)).sum()
    assert (~some.taken.any(axis=1)).sum() == pytest.approx(0.2 * quiet, rel=0.2)
    barred = everybody.requests.barred
    assert not everybody.open[barred.rows, barred.values].any()
    assert everybody.open.sum() == everybody.open.size - len(barred.values)


def test_columns_for_linear_models():
    values = np.array([[0, 1.0], [1, 3.0], [np.nan, np.nan], [0, 5.0]], np.float32)
    standard = Standard.of(values, ("text", "number"), {"text": 2})
    found = standard.apply(values)
    # The text: 2 of the 3 known rows hold the first one; mean 2/3, deviation √2 / 3.
    np.testing.assert_allclose(found[:, 0], [2**-0.5, -(2**0.5), 0, 2**-0.5], rtol=1e-5)
    np.testing.assert_allclose(found[:, 2], [-(1.5**0.5), 0, 0, 1.5**0.5], rtol=1e-5, atol=1e-6)
    assert standard.columns(np.array([1])).tolist() == [2]
