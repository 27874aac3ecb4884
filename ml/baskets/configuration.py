"""Parameter files: one YAML file a published result, in `configs/baskets/`, so that anyone can reproduce its table."""

from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from ml.baskets.basket_regression import BasketRegression
from ml.baskets.personal import PersonalBlend
from ml.baskets.recommender import NAME, RecommenderParameters
from ml.domains.domain import Frozen
from ml.parameter_file import named_file, read_parameters
from ml.retrieval import get_retriever
from ml.retrieval.contract import Retriever

# Retrievers, each with parameters of its own: no one type says so.
OWN: dict[str, Any] = {model.name: model for model in (BasketRegression, PersonalBlend)}
SHARED = ("als", "item_to_item", "personal_frequency", "popularity", "tifu_knn")  # the shop's retrievers that fit
MODELS = tuple(sorted((*OWN, *SHARED)))


class ModelChoice(Frozen):
    """A model and those of its parameters that are not as by default. A day is a basket."""

    model: str = Field(description="One of the registered models.")
    parameters: dict[str, Any] = Field({}, description="What is not named here is as by default.")

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.model not in MODELS:
            raise ValueError(f"there is no basket model {self.model!r}; there are: {', '.join(MODELS)}")
        self.typed()
        return self

    @property
    def kind(self) -> type[Retriever]:
        """The class of the model."""
        kind: type[Retriever] = OWN.get(self.model) or get_retriever(self.model)
        return kind

    def typed(self) -> Frozen:
        """The parameters as the model's own value."""
        return self.kind.Parameters.model_validate(self.parameters)


class BasketsConfiguration(Frozen):
    """What one benchmark of next-basket models runs."""

    models: dict[str, ModelChoice] = Field(min_length=1, description="Models by the name of their row.")
    recommender: RecommenderParameters | None = Field(None, description="The second stage; without it, models alone.")

    @model_validator(mode="after")
    def _named(self) -> Self:
        unknown = sorted(set(self.recommender.sources if self.recommender else ()) - set(self.models))
        if unknown:
            raise ValueError(f"recommender.sources names {', '.join(unknown)}, which is no model of this file")
        if NAME in self.models:
            raise ValueError(f"models.{NAME}: this is the name of the second stage's row: give the model another")
        return self


def load_configuration(name: str, folder: Path) -> BasketsConfiguration:
    """Read `<folder>/<name>.yaml`, or the file that `name` is the path of.

    Raises:
        BadInput: where there is no such file, or a value in it is not what it must be.
    """
    return read_parameters(named_file(name, folder), BasketsConfiguration, "docs/baskets.md")
