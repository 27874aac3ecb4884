import numpy as np
import pytest
from planted_sessions import queries, ragged, rings, sessions

from ml.sessions.session_knn import SessionKnn, SessionKnnParameters, decay_table

PAST = sessions([[0, 1, 2], [1, 2, 3], [4, 5], [1, 3], [0, 5]], items=6)


def fit(past=PAST, **parameters):
    return SessionKnn.fit(past, SessionKnnParameters(**parameters), seed=0, threads=1)


def reference(past, prefix, at, p: SessionKnnParameters):
    """The formula of the module, spelled out in Python."""
    holders = np.zeros(past.items)
    for session in past.clicks:
        holders[np.unique(session)] += 1
    idf = np.log(len(past) / np.maximum(holders, 1))
    position, match, distance = (
        decay_table(kind, steps)
        for kind, steps in (
            (p.position_decay, p.position_steps), (p.match_decay, p.match_steps), (p.distance_decay, p.distance_steps),
        )
    )  # fmt: skip
    back = {}
    for step, item in enumerate(prefix[::-1]):
        back.setdefault(item, step)
    found = []
    for number, session in enumerate(past.clicks):
        shared = [(back[item], item) for item in set(session.tolist()) if item in back and position[back[item]] > 0]
        if shared:
            similar = sum(position[step] * idf[item] ** p.query_idf for step, item in shared)
            similar *= len(session) ** -p.length_norm
            similar *= 0.5 ** ((at - past.at[number]) / (p.half_life * np.ptp(past.at))) if p.half_life else 1
            found.append((number, similar, min(shared)))
    found = sorted(found)[-p.sample :] if p.sample else found
    found = sorted(found, key=lambda entry: (-entry[1], -entry[0]))[: p.neighbours]
    scores = np.zeros(past.items)
    for number, similar, (step, item) in found:
        session = past.clicks[number].tolist()
        place = len(session) - 1 - session[::-1].index(item)
        for at_place, other in enumerate(session):
            side = 1 if at_place > place else p.behind
            scores[other] += similar * match[step] * distance[abs(at_place - place)] * side * idf[other] ** p.item_idf
    return scores


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"neighbours": 2, "sample": 3, "item_idf": 0},
        {"position_decay": "exponential", "position_steps": 2, "length_norm": 0.5, "half_life": 0.05, "query_idf": 1},
        {"distance_decay": "reciprocal", "behind": 0.3, "match_decay": "reciprocal", "match_steps": 2, "neighbours": 9},
    ],
)
def test_scores_are_those_of_the_formula(parameters):
    past = rings(60, 3, 7)
    model = fit(past, **parameters)
    prefixes = [[0, 1], [8, 9, 8, 10], [14], [3, 15]]
    everything = ragged([list(range(past.items))] * len(prefixes))
    found = model.score(queries(prefixes, at=70), everything).reshape(len(prefixes), -1)
    for row, prefix in enumerate(prefixes):
        expected = reference(past, prefix, 70, model.parameters)
        np.testing.assert_allclose(found[row], expected, rtol=1e-4, atol=1e-6)
        ranking = model.rank(queries([prefix], at=70), 5)
        best = [int(i) for i in np.lexsort((np.arange(past.items), -found[row])) if found[row, i] > 0][:5]
        assert ranking.item[0, : len(best)].tolist() == best


def test_missing_places_and_empty_prefixes():
    ranking = fit().rank(queries([[], [4]]), 6)
    assert ranking.item[0].tolist() == [-1] * 6
    assert set(ranking.item[1].tolist()) == {4, 5, -1}


def test_a_query_does_not_depend_on_its_neighbours_in_the_batch():
    model, past = fit(rings(80, 3, 7)), rings(700, 3, 7, seed=1)
    asked = queries([list(row) for row in past.clicks])
    together = model.rank(asked, 7)
    alone = [model.rank(asked.take(np.array([row])), 7).item[0] for row in (0, 400, 699)]
    np.testing.assert_array_equal(together.item[[0, 400, 699]], alone)


def test_an_older_neighbour_counts_less():
    past = sessions([[0, 1], [0, 2]], items=6, at=[0, 100])
    assert fit(past, half_life=0.1, item_idf=0).rank(queries([[0]]), 3).item[0].tolist() == [0, 2, 1]


def test_decay_tables():
    assert decay_table("linear", 10)[[0, 1, 10]] == pytest.approx([1, 0.9, 0])
    assert decay_table("reciprocal", 2)[[0, 2]] == pytest.approx([1, 0.5])
    assert decay_table("exponential", 3)[3] == pytest.approx(np.exp(-1))
    assert decay_table("none", 1).tolist() == [1] * 64
