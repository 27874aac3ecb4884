"""Texts as vectors: TF-IDF reduced by truncated SVD (LSA), kept as plain arrays so that a later text can be embedded."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ml.data.arrays import Floats, Strings

SEPARATOR = "\t"  # between the words of a text, so no word holds it


@dataclass(frozen=True)
class TextEncoder:
    """What was learned from the texts of a catalogue: V words, each with its weight, and D directions."""

    words: NDArray[np.uint8]  # UTF-8 of the sorted words, parted by `SEPARATOR`
    idf: Floats  # (V,)
    components: Floats  # (D, V); no rows: the words are the directions

    @classmethod
    def fit(cls, texts: Strings, embedding_size: int, seed: int) -> Self:
        """Learn from texts, of which each distinct one counts once.

        D is smaller than `embedding_size` where there are fewer distinct words.
        """
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer

        # A word of more than half of the texts tells no items apart.
        vectorizer = TfidfVectorizer(analyzer=lambda text: text.split(SEPARATOR), max_df=0.5, dtype=np.float32)
        try:
            weighed = vectorizer.fit_transform(np.unique(texts.astype(str)))
        except ValueError:  # no word is left
            return cls(_packed([]), np.zeros(0, np.float32), np.zeros((0, 0), np.float32))
        words, idf = list(vectorizer.get_feature_names_out()), vectorizer.idf_.astype(np.float32)
        if min(weighed.shape) <= embedding_size:
            return cls(_packed(words), idf, np.zeros((0, len(words)), np.float32))
        found = TruncatedSVD(embedding_size, random_state=seed).fit(weighed)
        return cls(_packed(words), idf, found.components_.astype(np.float32))

    @property
    def size(self) -> int:
        """D, at least 1."""
        return len(self.components) or max(len(self.idf), 1)

    @cached_property
    def _column(self) -> dict[str, int]:
        words = self.words.tobytes().decode().split(SEPARATOR) if len(self.idf) else []
        return {word: column for column, word in enumerate(words)}

    def embed(self, texts: Strings) -> Floats:
        """(N, D) unit vectors; zero for a text of which no word is known."""
        distinct, place = np.unique(np.asarray(texts, object).astype(str), return_inverse=True)
        if not len(self.idf):
            return np.zeros((len(texts), self.size), np.float32)
        weighed = self._weighed(distinct)
        found = weighed @ self.components.T if len(self.components) else weighed.toarray()
        return unit_rows(np.asarray(found, np.float32))[place]

    def _weighed(self, texts: Strings) -> csr_array:
        """(N, V) how often each known word stands in each text, times its weight; rows of length one."""
        known = [[self._column[word] for word in text.split(SEPARATOR) if word in self._column] for text in texts]
        row = np.repeat(np.arange(len(known)), [len(columns) for columns in known])
        column = np.concatenate([np.zeros(0, np.int64), *(np.array(each, np.int64) for each in known)])
        counts = csr_array((np.ones(len(row), np.float32), (row, column)), (len(known), len(self.idf)))
        counts.sum_duplicates()
        counts.data *= self.idf[counts.indices]
        length = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
        counts.data /= np.repeat(length, np.diff(counts.indptr)).astype(np.float32)
        return counts


def unit_rows(vectors: Floats) -> Floats:
    """(N, D) rows of length one; zero rows stay zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return unit


def _packed(words: list[str]) -> NDArray[np.uint8]:
    return np.frombuffer(SEPARATOR.join(words).encode(), np.uint8)
