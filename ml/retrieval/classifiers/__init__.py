"""One gradient-boosted classifier an item, for catalogues that are small enough to score whole."""

from ml.retrieval.classifiers.retriever import Classifiers

__all__ = ["Classifiers"]
