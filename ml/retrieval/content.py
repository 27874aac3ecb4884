"""Items that read alike: product text and hierarchy as TF-IDF vectors, reduced by truncated SVD (LSA).

Deerwester et al., "Indexing by latent semantic analysis", JASIS 1990. An item needs no event to have a vector, so
a new one can be found on its first day.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from ml.data.arrays import Floats, Ints, Strings
from ml.data.dataset import Log
from ml.data.requests import Requests
from ml.domains.frozen import Frozen
from ml.errors import RunFailed
from ml.retrieval.contract import State, TrainingData
from ml.retrieval.history import decay, history_matrix
from ml.retrieval.stored import Stored
from ml.retrieval.text_encoder import SEPARATOR, TextEncoder, unit_rows
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
    # The fields of the `TextEncoder`; None: saved when it was not kept.
    words: NDArray[np.uint8] | None = None
    idf: Floats | None = None
    components: Floats | None = None

    @classmethod
    def fit(cls, data: TrainingData, parameters: ContentParameters) -> Self:
        """Embed the catalogue."""
        texts = documents(data.dataset.catalogue)
        encoder = TextEncoder.fit(texts, parameters.embedding_size, data.seed)
        liked = popularity(data.dataset.log, data.as_of, parameters)
        return cls(parameters, encoder.embed(texts), liked, encoder.words, encoder.idf, encoder.components)

    @cached_property
    def encoder(self) -> TextEncoder:
        """What embeds texts; raises `RunFailed` where the model was saved without it."""
        if self.words is None or self.idf is None or self.components is None:
            raise RunFailed(
                "this content model was saved without its text encoder, so that it cannot embed a new item: train it "
                "again (slate train) and publish"
            )
        return TextEncoder(self.words, self.idf, self.components)

    def embed(self, texts: Strings) -> Floats:
        """(N, D) unit vectors of `documents`, as the catalogue's were made; zero where no word is known.

        Raises:
            RunFailed: The model was saved without its text encoder.
        """
        return self.encoder.embed(texts)

    def with_items(self, vectors: Floats) -> Self:
        """The same with further items (A, D) at the end, which nobody has taken yet."""
        grown = replace(
            self, item_vectors=np.concatenate([self.item_vectors, vectors]),
            popularity=np.append(self.popularity, np.zeros(len(vectors), np.float32)),
        )  # fmt: skip
        readings, reading = self._readings
        later = readings.shape[1] + np.arange(len(vectors))
        # Known before it is asked for: to find it anew takes as long as fifty requests.
        vars(grown)["_readings"] = np.concatenate([readings, vectors.T], axis=1), np.append(reading, later)
        return grown

    def refresh(self, state: State) -> Self:
        """The vectors stay as fitted; popularity is counted anew, as of the state's instant."""
        return replace(self, popularity=popularity(state.dataset.log, state.as_of, self.parameters))

    def score(self, requests: Requests) -> Floats:
        """(R, items) cosines; `-inf` for items without a vector, and without a history that has one."""
        vectors, (readings, reading) = self.request_vectors(requests), self._readings
        scores: Floats = np.take(vectors @ readings, reading, axis=1)
        scores += self._liked
        scores[~vectors.any(axis=1)] = -np.inf
        return scores

    @cached_property
    def _liked(self) -> Floats:
        """(items,) what popularity adds; `-inf` for items without a vector."""
        liked = np.float32(self.parameters.popularity_share) * self.popularity
        return np.where(self.item_vectors.any(axis=1), liked, np.float32(-np.inf))

    @cached_property
    def _readings(self) -> tuple[Floats, Ints]:
        """The distinct item vectors as columns (D, N), and which each item (items,) has: thousands of products read alike."""
        vectors = np.ascontiguousarray(self.item_vectors)
        mark = vectors.astype(np.float64) @ np.random.default_rng(0).normal(size=vectors.shape[1])
        _, first, reading = np.unique(mark, return_index=True, return_inverse=True)
        if not np.array_equal(vectors[first][reading], vectors):  # two that differ have one mark
            return np.ascontiguousarray(vectors.T), np.arange(len(vectors))
        return np.ascontiguousarray(vectors[first].T), reading

    def request_vectors(self, requests: Requests) -> Floats:
        """(R, D) decayed means of the history's item vectors, of length one."""
        weights = history_matrix(requests, self.parameters.half_life_days, len(self.item_vectors))
        return unit_rows(np.asarray(weights @ self.item_vectors, np.float32))


def popularity(log: Log, as_of: int, parameters: ContentParameters) -> Floats:
    """(items,) ln(1 + events with the item, decayed to an instant)."""
    weight = log.weight * decay(as_of - log.at, parameters.popularity_half_life_days)
    events = np.bincount(log.item, weight, minlength=log.items).astype(np.float32)
    return np.log1p(events)


def documents(catalogue: pd.DataFrame) -> Strings:
    """(items,) what is known of each item in words: its text, each level of its category path whole, its brand."""
    paths = [_levels(path) for path in catalogue["category_path"]]
    brands = [[f"brand={brand}"] if isinstance(brand, str) else [] for brand in catalogue["brand"]]
    words = [text.lower().split() if isinstance(text, str) else [] for text in catalogue["text"]]
    known = zip(words, paths, brands, strict=True)
    return np.array([SEPARATOR.join(word + path + brand) for word, path, brand in known], object)


def _levels(path: Iterable[str] | float | None) -> list[str]:
    if not isinstance(path, Iterable):  # a missing path is None or NaN
        return []
    return [f"level{depth}={name}" for depth, name in enumerate(path)]
