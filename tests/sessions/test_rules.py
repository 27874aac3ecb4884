import numpy as np
import pytest
from planted_sessions import queries, ragged, sessions

from ml.sessions.rules import Rules, RulesParameters, pair_weights

PAST = sessions([[0, 1, 2], [0, 1], [2, 0]], items=4)


def weights(**parameters):
    return pair_weights(PAST, RulesParameters(**parameters)).toarray()


def test_rules_weigh_by_steps_and_markov_by_the_next_click_alone():
    assert weights(kind="rules")[0].tolist() == [0, 2, 0.5, 0]  # 0→1 twice, 0→2 two steps apart
    assert weights(kind="rules", reach=1)[0].tolist() == [0, 2, 0, 0]
    assert weights(kind="markov")[0].tolist() == [0, 2, 0, 0]
    assert weights(kind="markov")[2].tolist() == [1, 0, 0, 0]


def test_item_knn_is_the_cosine_in_both_directions():
    found = weights(kind="item_knn", shrinkage=0)
    np.testing.assert_allclose(found, found.T)
    assert found[0, 1] == pytest.approx(2 / np.sqrt(3 * 2))
    assert found[0, 2] == pytest.approx(2 / np.sqrt(3 * 2))
    assert not found.diagonal().any()


def test_a_session_half_the_span_old_counts_half():
    assert weights(kind="markov", half_life=0.5)[0, 1] == pytest.approx(0.25 + 0.5)


def test_ranking_reads_the_last_clicks():
    one = Rules.fit(PAST, RulesParameters(kind="markov"), seed=0, threads=1)
    assert one.rank(queries([[2, 0], [3], []]), 2).item.tolist() == [[1, -1], [-1, -1], [-1, -1]]
    two = Rules.fit(PAST, RulesParameters(kind="markov", last=2, last_steps=1), seed=0, threads=1)
    asked = queries([[2, 0]])
    assert two.rank(asked, 3).item.tolist() == [[1, 0, -1]]
    assert two.score(asked, ragged([[0, 1, 2]])) == pytest.approx([np.exp(-1), 2, 0])
