"""Which groups a fact parts people into."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ml.data.facts import FactTable
from ml.domains.facts import Fact
from ml.evaluation.fairness.groups import Groups

AGE = Fact(kind="number", description="years", protected=True, bands=(18, 65))


def of(fact: Fact, values: list[float], categories: tuple[str, ...] = ()) -> Groups:
    known = {"fact": np.array(categories, object)} if fact.kind == "category" else {}
    return Groups.of(FactTable({"fact": fact}, np.array(values, np.float32).reshape(-1, 1), known), "fact")


def named(groups: Groups) -> list[str]:
    return [groups.names[code] for code in groups.code]


def test_a_number_falls_into_its_bands_and_a_bound_opens_the_next():
    groups = of(AGE, [17.9, 18, 64, 65, np.nan])
    assert named(groups) == ["under 18", "18 to 65", "18 to 65", "65 and over", "unknown"]


def test_a_flag_is_yes_or_no():
    assert named(of(Fact(kind="flag", description="a flag"), [1, 0, np.nan])) == ["yes", "no", "unknown"]


def test_categories_are_their_texts_and_those_of_nobody_are_left_out():
    groups = of(Fact(kind="category", description="a text"), [2, 0, 2], ("a", "b", "unknown"))
    assert groups.names == ("a", "unknown")
    assert groups.unknown is None  # a text that says `unknown` is a text


def test_the_unknown_are_a_group_of_their_own_that_nobody_judges():
    groups = of(AGE, [20.0] * 3 + [np.nan] * 5)
    assert groups.names == ("18 to 65", "unknown")
    assert groups.judged(np.arange(8), 3).tolist() == [True, False]


def test_a_group_is_as_large_as_it_has_different_people():
    groups = of(AGE, [20.0] * 4 + [70.0] * 4)
    unit = np.array([0, 0, 0, 0, 1, 2, 3, 4])
    assert groups.users(unit).tolist() == [1, 4]
    assert groups.judged(unit, 2).tolist() == [False, True]


def test_nobody_has_no_group():
    assert len(of(AGE, [])) == 0


@given(st.lists(st.one_of(st.just(np.nan), st.floats(-10, 120, width=32)), min_size=1, max_size=30))
def test_everybody_is_in_one_group(values):
    groups = of(AGE, values)
    assert len(groups.code) == len(values)
    assert set(groups.code.tolist()) == set(range(len(groups)))
    assert [name == "unknown" for name in named(groups)] == np.isnan(np.array(values, np.float32)).tolist()


def test_a_number_without_bands_has_no_groups():
    with pytest.raises(ValueError, match="without bands"):
        of(Fact(kind="number", description="years"), [1.0])


@pytest.mark.parametrize(("kind", "bands"), [("category", (1.0,)), ("number", (2.0, 1.0)), ("number", (1.0, 1.0))])
def test_bands_are_of_a_number_and_ascend(kind, bands):
    with pytest.raises(ValidationError, match="bands"):
        Fact(kind=kind, description="a fact", bands=bands)
