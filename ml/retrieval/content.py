"""Items that read alike: product text and hierarchy as TF-IDF vectors, reduced by truncated SVD (LSA).

Deerwester et al., "Indexing by latent semantic analysis", JASIS 1990. An item needs no event to have a vector, so
a new one can be found on its first day.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import Field

from ml.data.arrays import Floats, Strings
from ml.data.dataset import Log
from ml.data.requests import Requests
from ml.domains.frozen import Frozen
from ml.retrieval.contract import State, TrainingData
from ml.retrieval.history import decay, history_matrix
from ml.retrieval.stored import Stored
from ml.searched import Searched


class ContentParameters(Frozen):
    """Size of the text vectors, and how a history is weighed."""

    embedding_size: int = Field(128, ge=1, description="Numbers a vector.")
    half_life_days: Annotated[float, Searched(7, 120, log=True)] = Field(
        30.0, gt=0, description="Days after which an event of a history counts half."
    )
    popularity_share: Annotated[float, Searched(0, 0.5)] = Field(
        0.1, ge=0, description="Added to the cosine for each unit of ln(1 + decayed events with the item)."
    )
    popularity_half_life_days: float = Field(14.0, gt=0, description="Days after which such an event counts half.")


@dataclass(frozen=True)
class Content(Stored):
    """Score: cosine between the item's vector and the decayed mean of the history's, and a little popularity.

    Thousands of products read alike: popularity says which of them people take. A new item has the cosine alone.
    """

    name: ClassVar[str] = "content"
    Parameters: ClassVar[type[Frozen]] = ContentParameters
    inputs: ClassVar[tuple[str, ...]] = ("moment", "history")

    parameters: ContentParameters
    item_vectors: Floats  # (items, D) of length one; zero for items that nothing is known of
    popularity: Floats  # (items,) ln(1 + decayed events)

    @classmethod
    def fit(cls, data: TrainingData, parameters: ContentParameters) -> Self:
        """Embed the catalogue."""
        vectors = text_vectors(documents(data.dataset.catalogue), parameters.embedding_size, data.seed)
        return cls(parameters, vectors, popularity(data.dataset.log, data.as_of, parameters))

    def refresh(self, state: State) -> Self:
        """The vectors stay as fitted; popularity is counted anew, as of the state's instant."""
        return replace(self, popularity=popularity(state.dataset.log, state.as_of, self.parameters))

    def score(self, requests: Requests) -> Floats:
        """(R, items) cosines; `-inf` for items without a vector, and without a history that has one."""
        vectors = self.request_vectors(requests)
        scores = vectors @ self.item_vectors.T
        liked = np.float32(self.parameters.popularity_share) * self.popularity
        scores += np.where(self.item_vectors.any(axis=1), liked, np.float32(-np.inf))
        scores[~vectors.any(axis=1)] = -np.inf
        return scores

    def request_vectors(self, requests: Requests) -> Floats:
        """(R, D) decayed means of the history's item vectors, of length one."""
        weights = history_matrix(requests, self.parameters.half_life_days, len(self.item_vectors))
        return unit_rows(np.asarray(weights @ self.item_vectors, np.float32))


def popularity(log: Log, as_of: int, parameters: ContentParameters) -> Floats:
    """(items,) ln(1 + events with the item, decayed to an instant)."""
    weight = log.weight * decay(as_of - log.at, parameters.popularity_half_life_days)
    events = np.bincount(log.item, weight, minlength=log.items).astype(np.float32)
    return np.log1p(events)


def unit_rows(vectors: Floats) -> Floats:
    """(N, D) rows of length one; zero rows stay zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return unit


def documents(catalogue: pd.DataFrame) -> Strings:
    """(items,) what is known of each item in words: its text, each level of its category path whole, its brand."""
    paths = [_levels(path) for path in catalogue["category_path"]]
    brands = [[f"brand={brand}"] if isinstance(brand, str) else [] for brand in catalogue["brand"]]
    words = [text.lower().split() if isinstance(text, str) else [] for text in catalogue["text"]]
    known = zip(words, paths, brands, strict=True)
    return np.array(["\t".join(word + path + brand) for word, path, brand in known], object)


def _levels(path: Iterable[str] | float | None) -> list[str]:
    if not isinstance(path, Iterable):  # a missing path is None or NaN
        return []
    return [f"level{depth}={name}" for depth, name in enumerate(path)]


def text_vectors(texts: Strings, embedding_size: int, seed: int) -> Floats:
    """(items, D) unit vectors; D is smaller than `embedding_size` where there are fewer distinct words."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    distinct, item = np.unique(texts.astype(str), return_inverse=True)
    # A word of more than half of the texts tells no items apart.
    vectorizer = TfidfVectorizer(analyzer=lambda text: text.split("\t"), max_df=0.5, dtype=np.float32)
    try:
        words = vectorizer.fit_transform(distinct)
    except ValueError:  # no word is left
        return np.zeros((len(texts), 1), np.float32)
    if min(words.shape) <= embedding_size:
        return unit_rows(words.toarray())[item]
    return unit_rows(TruncatedSVD(embedding_size, random_state=seed).fit_transform(words).astype(np.float32))[item]
