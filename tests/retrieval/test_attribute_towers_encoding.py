"""Facts as tensors: standardised numbers beside what is not known, categories with a row for the unknown."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ml.data.facts import FactTable
from ml.domains.facts import Fact
from ml.retrieval.attribute_towers.encoding import LIMIT, FactEncoder

FACTS = {
    "income": Fact(kind="number", description="Euros a year."),
    "branch": Fact(kind="category", description="Town."),
    "known": Fact(kind="flag", description="Met."),
}
TEXTS = {"branch": np.array(["Ávila", "León"], object)}
TABLE = FactTable(FACTS, np.array([[10, 1, 1], [30, 0, 1], [np.nan, np.nan, np.nan]], np.float32), TEXTS)
ENCODER = FactEncoder.of(TABLE)


def test_numbers_are_standardised_by_what_is_known_and_the_unknown_is_said():
    batch = ENCODER(TABLE, 3)
    assert batch.numbers.tolist() == [[-1, 0], [1, 0], [0, 0]]
    assert batch.unknown.tolist() == [[0, 0], [0, 0], [1, 1]]


def test_categories_are_numbered_from_one_and_unknown_ones_are_zero():
    assert ENCODER(TABLE, 3).codes.tolist() == [[2], [1], [0]]
    assert ENCODER.texts == [2]


def test_other_tables_are_read_as_the_encoder_learned_them():
    other = FactTable(
        {"branch": FACTS["branch"], "shoe": FACTS["income"]},
        np.array([[0, 45], [1, 46]], np.float32), {"branch": np.array(["León", "Zamora"], object)},
    )  # fmt: skip
    batch = ENCODER(other, 2)
    assert batch.codes.tolist() == [[2], [0]]  # Zamora is new
    assert batch.unknown.tolist() == [[1, 1], [1, 1]]


def test_nobodys_facts_are_unknown():
    batch = ENCODER(FactTable.none(), 2)
    assert batch.codes.tolist() == [[0], [0]]
    assert batch.unknown.tolist() == [[1, 1], [1, 1]]


def test_it_comes_back_from_json_as_it_was():
    again = FactEncoder.from_described(json.loads(json.dumps(ENCODER.described())))
    assert (again.facts, again.texts) == (ENCODER.facts, ENCODER.texts)
    for part in ("mean", "deviation"):
        np.testing.assert_array_equal(getattr(again.scaling, part), getattr(ENCODER.scaling, part))


@given(
    arrays.arrays(
        np.float32, st.tuples(st.integers(1, 20), st.just(2)),
        elements=st.one_of(st.just(np.float32(np.nan)), st.floats(-2.0**20, 2.0**20, width=32)),
    )
)  # fmt: skip
def test_whatever_is_known_is_finite_and_within_the_limit(values):
    facts = dict.fromkeys(("one", "two"), FACTS["income"])
    batch = FactEncoder.of(FactTable(facts, values, {}))(FactTable(facts, values, {}), len(values))
    assert np.isfinite(batch.numbers).all()
    assert batch.numbers.abs().max() <= LIMIT
    np.testing.assert_array_equal(batch.unknown.numpy() == 1, np.isnan(values))


def test_a_column_that_nobody_fills_is_zero():
    empty = FactTable({"one": FACTS["income"]}, np.full((3, 1), np.nan, np.float32), {})
    assert FactEncoder.of(empty)(empty, 3).numbers.tolist() == [[0]] * 3


@pytest.mark.parametrize("rows", [0, 4])
def test_a_table_without_facts_has_rows_without_columns(rows):
    batch = FactEncoder.of(FactTable.none())(FactTable.none(), rows)
    assert batch.numbers.shape == (rows, 0)
    assert batch.codes.shape == (rows, 0)
