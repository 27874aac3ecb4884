from dataclasses import replace

import numpy as np
import planted_shop as shop

from ml.retrieval.als import Als, AlsParameters
from ml.retrieval.history import history_matrix

DATASET = shop.planted()
PARAMETERS = AlsParameters(embedding_size=6, epochs=5, confidence=3, regularisation=0.5)


def test_a_request_vector_solves_its_normal_equations():
    model, asked = Als.fit(shop.training(DATASET), PARAMETERS), shop.requests(DATASET)
    counts = history_matrix(asked, PARAMETERS.half_life_days, shop.ITEMS).toarray()
    items = model.item_vectors.astype(np.float64)
    for row, vector in enumerate(model.request_vectors(asked)):
        taken = counts[row] > 0
        weight = np.where(
            taken, 1 + 3 * np.log1p(counts[row] / model.usual), 1
        )  # what was not taken counts once, as zero
        left = (items.T * weight) @ items + 0.5 * np.eye(6)
        np.testing.assert_allclose(vector, np.linalg.solve(left, items.T @ (weight * taken)), rtol=1e-3, atol=1e-5)


def test_an_item_that_nobody_took_is_no_candidate():
    log = DATASET.log.where(DATASET.log.item != 7)
    dataset = shop.dataset_of(log)
    scores = Als.fit(shop.training(dataset), PARAMETERS).score(shop.requests(dataset))
    assert np.flatnonzero((scores == -np.inf).any(axis=0)).tolist() == [7]


def test_what_an_event_weighs_in_its_domain_does_not_matter():
    light = replace(DATASET.log, weight=DATASET.log.weight * np.float32(0.125))
    models = [Als.fit(shop.training(dataset), PARAMETERS) for dataset in (DATASET, shop.dataset_of(light))]
    np.testing.assert_allclose(models[0].item_vectors, models[1].item_vectors, rtol=1e-3, atol=1e-5)


def test_another_seed_gives_another_factorisation():
    one, other = (Als.fit(shop.training(DATASET, seed=seed), PARAMETERS).item_vectors for seed in (1, 2))
    assert not np.allclose(one, other)
