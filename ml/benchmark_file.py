"""Parameter files of benchmarks: models by the name of their row, and the second stage that joins them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from pydantic import Field, model_validator

from ml.domains.frozen import Frozen
from ml.parameter_file import named_file, read_parameters
from ml.searched import Searched

RECOMMENDER = "recommender"  # the name of the second stage's row


class SecondStage(Frozen):
    """What every second stage's parameters hold."""

    sources: tuple[str, ...] = Field((), description="Models whose candidates and scores it has; none: all.")


class Choice(Frozen):
    """A model and those of its parameters that are not as by default; a subclass says which models there are."""

    kinds: ClassVar[dict[str, Any]]  # classes by name, each with its `Parameters`
    ranges: ClassVar[Mapping[str, Mapping[str, Searched]]] = {}  # by model: what is searched otherwise than it says

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
        parameters: Frozen = self.kinds[self.model].Parameters.model_validate(self.parameters)
        return parameters


Chosen = TypeVar("Chosen", bound=Choice)
Stage = TypeVar("Stage", bound=SecondStage)


class BenchmarkFile(Frozen, Generic[Chosen, Stage]):
    """What one benchmark runs; a subclass says of what."""

    manual: ClassVar[str]  # the page that a wrong value's error points to

    models: dict[str, Chosen] = Field(min_length=1, description="Models by the name of their row.")
    recommender: Stage | None = Field(None, description="The second stage; without it, models alone.")

    @model_validator(mode="after")
    def _named(self) -> Self:
        unknown = sorted(set(self.recommender.sources if self.recommender else ()) - set(self.models))
        if unknown:
            raise ValueError(f"recommender.sources names {', '.join(unknown)}, which is no model of this file")
        if RECOMMENDER in self.models:
            raise ValueError(
                f"models.{RECOMMENDER}: this is the name of the second stage's row: give the model another"
            )
        return self

    @classmethod
    def load(cls, name: str, folder: Path) -> Self:
        """Read `<folder>/<name>.yaml`, or the file that `name` is the path of.

        Raises:
            BadInput: where there is no such file, or a value in it is not what it must be.
        """
        return read_parameters(named_file(name, folder), cls, cls.manual)
