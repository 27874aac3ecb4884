import numpy as np
import planted_shop as shop
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from ml.errors import RunFailed
from ml.retrieval import top_k
from ml.retrieval.content import Content, ContentParameters, documents
from ml.retrieval.text_encoder import TextEncoder, unit_rows


def vectors_of(texts, embedding_size):
    return TextEncoder.fit(texts, embedding_size, seed=0).embed(texts)


def test_a_document_holds_words_levels_and_brand():
    products = shop.catalogue(shop.SIZE + 1)
    found = documents(products)
    assert found[0].split("\t") == ["thema0", "größe0", "thing", "brand=Eigen"]
    assert found[-1].split("\t") == ["thema1", "größe1", "thing", "level0=Abteilung 1", "level1=分类 1"]


@pytest.mark.parametrize("missing", [None, np.nan])
def test_missing_facts_are_left_out(missing):
    products = shop.catalogue(3).assign(text=missing, category_path=missing, brand=missing)
    assert documents(products).tolist() == ["", "", ""]
    assert (vectors_of(documents(products), 4) == 0).all()


@pytest.mark.parametrize("embedding_size", [3, 64])
def test_items_with_the_same_words_have_the_same_unit_vector(embedding_size):
    """Fewer numbers than words (decomposed) or more (kept as they are)."""
    vectors = vectors_of(documents(shop.catalogue(shop.ITEMS)), embedding_size)
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


WORDS = st.lists(
    st.text(st.characters(blacklist_characters="\t", blacklist_categories=("Cs",)), max_size=6), max_size=8
)


@given(st.lists(WORDS.map("\t".join), min_size=2, max_size=30), st.sampled_from([2, 5, 64]))
@settings(max_examples=60, deadline=None)
def test_texts_are_embedded_as_scikit_learn_does(texts, embedding_size):
    """The very vectors that TF-IDF and the SVD of scikit-learn give, of any words, empty ones too."""
    texts = np.array(texts, object)
    distinct, item = np.unique(texts.astype(str), return_inverse=True)
    found = vectors_of(texts, embedding_size)
    vectorizer = TfidfVectorizer(analyzer=lambda text: text.split("\t"), max_df=0.5, dtype=np.float32)
    try:
        expected = vectorizer.fit_transform(distinct)
    except ValueError:
        assert not found.any()
        return
    if min(expected.shape) > embedding_size:
        reduced = TruncatedSVD(embedding_size, random_state=0).fit(expected)
        np.testing.assert_allclose(found, unit_rows(reduced.transform(expected))[item], atol=1e-4)
    else:
        np.testing.assert_allclose(found, unit_rows(expected.toarray())[item], atol=1e-6)


@pytest.mark.parametrize("embedding_size", [3, 64])
def test_the_encoder_is_saved_with_the_model(tmp_path, embedding_size):
    dataset = shop.planted()
    model = Content.fit(shop.training(dataset), ContentParameters(embedding_size=embedding_size))
    model.save(tmp_path)
    loaded, texts = Content.load(tmp_path), documents(dataset.catalogue)
    np.testing.assert_allclose(loaded.embed(texts), model.item_vectors, atol=1e-6)
    assert (
        loaded.embed(np.array(["never", "heard\tof"], object)).tolist()
        == np.zeros((2, model.item_vectors.shape[1])).tolist()
    )
    half_known = loaded.embed(np.array([f"{texts[0]}\tunheard"], object))
    np.testing.assert_allclose(half_known[0], model.item_vectors[0], atol=1e-6)  # an unknown word changes nothing
    assert loaded.embed(np.array([], object)).shape == (0, model.item_vectors.shape[1])


def test_a_model_of_before_the_encoder_was_kept_still_answers(tmp_path):
    dataset = shop.planted()
    model = Content.fit(shop.training(dataset), ContentParameters())
    model.save(tmp_path)
    for name in ("words", "idf", "components"):
        (tmp_path / f"{name}.npy").unlink()
    loaded, asked = Content.load(tmp_path), shop.requests(dataset, [0])
    np.testing.assert_array_equal(loaded.score(asked), model.score(asked))
    with pytest.raises(RunFailed, match=r"train it again"):
        loaded.embed(documents(dataset.catalogue))
