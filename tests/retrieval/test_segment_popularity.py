import numpy as np
import planted_members as members
import pytest

from ml.errors import BadInput
from ml.retrieval.segment_popularity import SegmentPopularity, SegmentPopularityParameters

ADD, DAY, NOW = members.ADD, members.DAY, members.NOW


def dataset():
    """Members 0 and 1 live in the north and are young, 2 and 3 in the south and old; 3 took something long ago."""
    taken = [(0, 0, 5), (0, 1, 4), (1, 0, 3), (2, 1, 2), (3, 2, 50)]
    user, item, days = (np.array(column) for column in zip(*taken, strict=True))
    log = members.log_of(user, item, NOW - days * DAY, np.full(5, ADD), np.zeros(5), users=4)
    found = members.dataset_of(log, np.zeros(4, bool), np.random.default_rng(0))
    values = found.knowledge.facts.table.values
    values[:, 0], values[:, 2] = [0, 0, 1, 1], [20, 30, 60, 70]
    return found


def scores(asked=None, **parameters):
    data = dataset()
    model = SegmentPopularity.fit(members.training(data), SegmentPopularityParameters(smoothing=2, **parameters))
    return model.score(members.requests(data) if asked is None else asked)


@pytest.mark.parametrize("parameters", [{"facts": ("region",)}, {"facts": ("age",), "bands": 2}])
def test_a_segments_takes_are_shrunk_to_those_of_everybody(parameters):
    # Everybody's four takes: half on item 0, half on item 1. The north's three: two on item 0, one on item 1.
    found = scores(**parameters)
    np.testing.assert_allclose(found[0, :3], [(2 + 2 * 0.5) / 5, (1 + 2 * 0.5) / 5, 0], rtol=1e-6)
    np.testing.assert_allclose(found[1], found[0])
    np.testing.assert_allclose(found[2, :3], [(2 * 0.5) / 3, (1 + 2 * 0.5) / 3, 0], rtol=1e-6)


def test_more_cadences_count_more_takes():
    found = scores(cadences=2)
    np.testing.assert_allclose(found, np.tile([0.4, 0.4, 0.2, 0, 0, 0, 0], (4, 1)), rtol=1e-6)


def test_strangers_are_of_their_segment_and_without_facts_of_none():
    asked = members.requests(dataset(), np.array([0]))
    known = scores(members.strangers(asked, facts=True), facts=("region",))
    np.testing.assert_allclose(known[0, :2], [0.6, 0.4], rtol=1e-6)
    unknown = scores(members.strangers(asked, facts=False), facts=("region",))
    np.testing.assert_allclose(unknown[0, :2], [0.5, 0.5], rtol=1e-6)


def test_a_fact_that_no_model_of_all_items_may_read_is_refused():
    with pytest.raises(BadInput, match=r"secret: models of members may read region, age, joined"):
        scores(facts=("region", "secret"))


def test_saved_and_loaded_and_counted_anew(tmp_path):
    data = members.planted(users=100)
    parameters = SegmentPopularityParameters(facts=("region", "age"))
    model = SegmentPopularity.fit(members.training(data, members.start_of(5)), parameters)
    model.save(tmp_path)
    loaded, asked = SegmentPopularity.load(tmp_path), members.requests(data)
    np.testing.assert_array_equal(loaded.score(asked), model.score(asked))
    now = members.state(data)
    np.testing.assert_array_equal(loaded.refresh(now).score(asked), model.refresh(now).score(asked))
    assert (model.refresh(now).score(asked) != model.score(asked)).any()
