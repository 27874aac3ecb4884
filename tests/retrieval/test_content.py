import numpy as np
import planted_shop as shop
import pytest

from ml.retrieval import top_k
from ml.retrieval.content import Content, ContentParameters, documents, text_vectors


def test_a_document_holds_words_levels_and_brand():
    products = shop.catalogue(shop.SIZE + 1)
    found = documents(products)
    assert found[0].split("\t") == ["thema0", "größe0", "thing", "brand=Eigen"]
    assert found[-1].split("\t") == ["thema1", "größe1", "thing", "level0=Abteilung 1", "level1=分类 1"]


@pytest.mark.parametrize("missing", [None, np.nan])
def test_missing_facts_are_left_out(missing):
    products = shop.catalogue(3).assign(text=missing, category_path=missing, brand=missing)
    assert documents(products).tolist() == ["", "", ""]
    assert (text_vectors(documents(products), 4, seed=0) == 0).all()


@pytest.mark.parametrize("embedding_size", [3, 64])
def test_items_with_the_same_words_have_the_same_unit_vector(embedding_size):
    """Fewer numbers than words (decomposed) or more (kept as they are)."""
    vectors = text_vectors(documents(shop.catalogue(shop.ITEMS)), embedding_size, seed=0)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    likeness = vectors @ vectors.T
    theme = np.arange(shop.ITEMS) // shop.SIZE
    assert likeness[theme[:, None] == theme].min() > 0.999
    assert likeness[theme[:, None] != theme].max() < 0.99


def test_a_new_item_is_found_on_its_first_day():
    """Nobody ever took item 5; it reads like what user 0 takes."""
    dataset = shop.planted()
    dataset = shop.dataset_of(dataset.log.where(dataset.log.item != 5))
    model, asked = Content.fit(shop.training(dataset), ContentParameters()), shop.requests(dataset, [4])
    assert set(top_k(model.score(asked), 2, exclude=asked.history.items).item[0].tolist()) == {4, 5}


def test_among_items_that_read_alike_the_popular_one_comes_first():
    dataset = shop.planted()
    more = [*shop.planted_events(), *[shop.Event(23, 3, 20.0 + n / 10, 100 + n) for n in range(20)]]
    dataset = shop.dataset_of(shop.log_of(more, dataset.log.users, shop.ITEMS))
    model = Content.fit(shop.training(dataset), ContentParameters())
    assert top_k(model.score(shop.requests(dataset, [0])), 1).item[0, 0] == 3
