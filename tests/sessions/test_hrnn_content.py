import numpy as np
import pytest
from planted_sessions import fit_small_hrnn, queries, ragged, rings, sessions

from ml.errors import BadInput
from ml.sessions.hrnn import Hrnn
from ml.sessions.sessions import UNKNOWN

KINDS = 4


def by_kind(items: int):
    """Kinds of items follow each other (0, 1, 2, 3, 0, …); which item of a kind comes is chance."""
    random = np.random.default_rng(0)
    rows = [[int(random.integers(items // KINDS) * KINDS + (start + step) % KINDS) for step in range(4)]
            for start in random.integers(0, KINDS, 400)]  # fmt: skip
    return sessions(rows, items), np.eye(KINDS, dtype=np.float32)[np.arange(items) % KINDS]


def test_an_item_that_nobody_clicked_is_scored_by_its_features():
    past, content = by_kind(40)
    model = fit_small_hrnn(past, content=content, id_dropout=0.3)
    before = np.r_[np.arange(40), [UNKNOWN] * KINDS]  # a new item of each kind
    grown = model.over(before, np.r_[content, np.eye(KINDS, dtype=np.float32)])
    for kind in range(KINDS):
        score = grown.score(queries([[kind]]), ragged([list(range(40, 44))]))
        assert int(score.argmax()) == (kind + 1) % KINDS


def test_features_are_kept_by_saving(tmp_path):
    past, content = by_kind(20)
    model = fit_small_hrnn(past, content=content, epochs=1)
    model.save(tmp_path)
    asked = queries([[0, 1], [3]])
    np.testing.assert_array_equal(Hrnn.load(tmp_path).rank(asked, 5).score, model.rank(asked, 5).score)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (np.array([[0.0, 1.0]] * 20 + [[0.0, np.nan]]), "item 20, feature 1: is nan: fill it in"),
        (np.array([[np.inf]] * 21), "item 0, feature 0: is inf"),
        (np.zeros((20, 2)), "21 items"),
        (np.zeros(21), "a row an item"),
    ],
)
def test_features_that_are_no_numbers_are_refused(content, said):
    with pytest.raises(BadInput, match=said):
        fit_small_hrnn(rings(5, 3, 7), content=content)


def test_a_model_without_features_takes_none_later():
    model = fit_small_hrnn(rings(20, 3, 7), epochs=1)
    with pytest.raises(BadInput, match="learned with no features"):
        model.over(np.arange(21), np.zeros((21, 2)))
