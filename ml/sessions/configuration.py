"""Parameter files: one YAML file a published result, in `configs/sessions/`, so that anyone can reproduce its table."""

from typing import Any, ClassVar

from pydantic import Field

from ml.benchmark_file import BenchmarkFile, Choice
from ml.errors import BadInput
from ml.sessions.contract import SessionModel
from ml.sessions.hrnn import Hrnn, HrnnParameters
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


class SessionsConfiguration(BenchmarkFile[ModelChoice, RecommenderParameters]):
    """What one benchmark of session models runs."""

    manual: ClassVar[str] = "docs/sessions.md"

    longest: int = Field(LONGEST, ge=2, le=64, description="Clicks of a session that are read: its latest.")

    def recurrent(self, file: str) -> HrnnParameters:
        """The parameters of the first recurrent model.

        Args:
            file: What the error calls this file.

        Raises:
            BadInput: where there is none.
        """
        for choice in self.models.values():
            if choice.model == Hrnn.name:
                return HrnnParameters.model_validate(choice.parameters)
        raise BadInput(f"{file}: names no model {Hrnn.name}: choose a parameter file that does")
