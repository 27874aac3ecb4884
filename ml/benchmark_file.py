"""Parameter files of benchmarks: models by the name of their row, and the second stage that joins them."""

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, Self

from pydantic import Field, model_validator

from ml.domains.domain import Frozen

RECOMMENDER = "recommender"  # the name of the second stage's row


class Kind(Protocol):
    """What is asked of a model's class here."""

    Parameters: ClassVar[type[Frozen]]


class SecondStage(Protocol):
    """What is asked of a second stage's parameters here."""

    @property
    def sources(self) -> Sequence[str]:
        """Models that it joins; none: all."""


class Choice(Frozen):
    """A model and those of its parameters that are not as by default; a subclass says which models there are."""

    kinds: ClassVar[dict[str, Any]]  # classes (`Kind`) by name

    model: str = Field(description="One of the registered models.")
    parameters: dict[str, Any] = Field({}, description="What is not named here is as by default.")

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.model not in self.kinds:
            raise ValueError(f"there is no model {self.model!r} here; there are: {', '.join(sorted(self.kinds))}")
        self.typed()
        return self

    def typed(self) -> Frozen:
        """The parameters as the model's own value."""
        kind: Kind = self.kinds[self.model]
        return kind.Parameters.model_validate(self.parameters)


def refuse_misnamed(models: dict[str, Any], recommender: SecondStage | None) -> None:
    """Raise `ValueError` where the second stage names a model that is not there, or a model has its name."""
    unknown = sorted(set(recommender.sources if recommender else ()) - set(models))
    if unknown:
        raise ValueError(f"recommender.sources names {', '.join(unknown)}, which is no model of this file")
    if RECOMMENDER in models:
        raise ValueError(f"models.{RECOMMENDER}: this is the name of the second stage's row: give the model another")
