"""Parameter files: one YAML file a published result, in `configs/sessions/`, so that anyone can reproduce its table."""

from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from ml.benchmark_file import Choice, refuse_misnamed
from ml.domains.domain import Frozen
from ml.parameter_file import named_file, read_parameters
from ml.sessions.contract import SessionModel
from ml.sessions.hrnn import Hrnn
from ml.sessions.loading import LONGEST
from ml.sessions.popularity import Popularity
from ml.sessions.recommender import RecommenderParameters
from ml.sessions.rules import Rules
from ml.sessions.session_knn import SessionKnn

MODELS: dict[str, type[SessionModel]] = {
    "hrnn": Hrnn,
    "popularity": Popularity,
    "rules": Rules,
    "session_knn": SessionKnn,
}


class ModelChoice(Choice):
    """A session model."""

    kinds: ClassVar[dict[str, Any]] = MODELS


class SessionsConfiguration(Frozen):
    """What one benchmark of session models runs."""

    longest: int = Field(LONGEST, ge=2, le=64, description="Clicks of a session that are read: its latest.")
    models: dict[str, ModelChoice] = Field(min_length=1, description="Models by the name of their row.")
    recommender: RecommenderParameters | None = Field(None, description="The second stage; without it, models alone.")

    @model_validator(mode="after")
    def _named(self) -> Self:
        refuse_misnamed(self.models, self.recommender)
        return self


def load_configuration(name: str, folder: Path) -> SessionsConfiguration:
    """Read `<folder>/<name>.yaml`, or the file that `name` is the path of.

    Raises:
        BadInput: where there is no such file, or a value in it is not what it must be.
    """
    return read_parameters(named_file(name, folder), SessionsConfiguration, "docs/sessions.md")
