"""Parameter files: one YAML file a published result, in `configs/baskets/`, so that anyone can reproduce its table."""

from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from ml.baskets.basket_regression import BasketRegression
from ml.baskets.personal import PersonalBlend
from ml.baskets.recommender import RecommenderParameters
from ml.benchmark_file import Choice, refuse_misnamed
from ml.domains.domain import Frozen
from ml.parameter_file import named_file, read_parameters
from ml.retrieval import get_retriever
from ml.retrieval.contract import Retriever

SHARED = ("als", "item_to_item", "personal_frequency", "popularity", "tifu_knn")  # the shop's retrievers that fit
# Retrievers, each with parameters of its own: no one type says so.
MODELS: dict[str, Any] = {
    **{name: get_retriever(name) for name in SHARED}, **{model.name: model for model in (BasketRegression, PersonalBlend)},
}  # fmt: skip


class ModelChoice(Choice):
    """A basket model. A day of its parameters is a basket."""

    kinds: ClassVar[dict[str, Any]] = MODELS

    @property
    def kind(self) -> type[Retriever]:
        """The class of the model."""
        kind: type[Retriever] = self.kinds[self.model]
        return kind


class BasketsConfiguration(Frozen):
    """What one benchmark of next-basket models runs."""

    models: dict[str, ModelChoice] = Field(min_length=1, description="Models by the name of their row.")
    recommender: RecommenderParameters | None = Field(None, description="The second stage; without it, models alone.")

    @model_validator(mode="after")
    def _named(self) -> Self:
        refuse_misnamed(self.models, self.recommender)
        return self


def load_configuration(name: str, folder: Path) -> BasketsConfiguration:
    """Read `<folder>/<name>.yaml`, or the file that `name` is the path of.

    Raises:
        BadInput: where there is no such file, or a value in it is not what it must be.
    """
    return read_parameters(named_file(name, folder), BasketsConfiguration, "docs/baskets.md")
