"""One binary classifier an item, for catalogues that are small enough to score whole."""

from ml.retrieval.classifiers.logistic import Logistic
from ml.retrieval.classifiers.retriever import Classifiers

__all__ = ["Classifiers", "Logistic"]
