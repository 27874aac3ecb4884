"""Parameter files: one YAML file a published result, in `configs/baskets/`, so that anyone can reproduce its table."""

from collections.abc import Mapping
from typing import Any, ClassVar

from ml.baskets.basket_regression import BasketRegression
from ml.baskets.personal import HALF_LIFE, PersonalBlend
from ml.baskets.recommender import RecommenderParameters
from ml.benchmark_file import BenchmarkFile, Choice
from ml.retrieval import get_retriever
from ml.retrieval.contract import Retriever
from ml.searched import Searched

SHARED = ("als", "item_to_item", "personal_frequency", "popularity", "tifu_knn")  # the shop's retrievers that fit
# Retrievers, each with parameters of its own: no one type says so.
MODELS: dict[str, Any] = {
    **{name: get_retriever(name) for name in SHARED}, **{model.name: model for model in (BasketRegression, PersonalBlend)},
}  # fmt: skip
# The shop's retrievers count days, of which a shop's customer has hundreds; here a day is a basket.
RANGES: dict[str, dict[str, Searched]] = {
    **{name: {"half_life_days": HALF_LIFE} for name in ("als", "item_to_item", "personal_frequency", "popularity")},
    "tifu_knn": {"own_share": Searched(0, 0.9)},
}


class ModelChoice(Choice):
    """A basket model. A day of its parameters is a basket."""

    kinds: ClassVar[dict[str, Any]] = MODELS
    ranges: ClassVar[Mapping[str, Mapping[str, Searched]]] = RANGES

    @property
    def kind(self) -> type[Retriever]:
        """The class of the model."""
        kind: type[Retriever] = self.kinds[self.model]
        return kind


class BasketsConfiguration(BenchmarkFile[ModelChoice, RecommenderParameters]):
    """What one benchmark of next-basket models runs."""

    manual: ClassVar[str] = "docs/baskets.md"
