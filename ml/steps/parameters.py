"""What a person may choose about one training run: typed, documented, and the source of the form in Airflow."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from ml.domains import Domain
from ml.domains.domain import Inputs, Outputs
from ml.domains.frozen import Frozen
from ml.errors import BadInput

RANKER = "ranker"


class TrainingParameters(Frozen):
    """Parameters of one training run; what is left out keeps each model's own default."""

    models: tuple[str, ...] | None = Field(None, description="Retrievers to train; default: the domain's usual ones.")
    as_of: str | None = Field(None, description="Train as of this date (2018-01-01); default: the current features.")
    inputs: Inputs = Field(
        "both", description="What models see of users: what is known offline, what they did online, or both."
    )
    outputs: Outputs | None = Field(
        None, description="Slates of what users have not (new), have (owned), or any; default: as the domain declares."
    )
    seed: int = Field(7, ge=0, lt=2**31, description="Seed of everything that is drawn at random.")
    epochs: int | None = Field(None, ge=1, le=200, description="Passes over the data, for models that make several.")
    embedding_size: int | None = Field(None, ge=4, le=512, description="Dimensions of learned vectors.")
    learning_rate: float | None = Field(None, gt=0, lt=10, description="Step size of the neural models.")
    loss: Literal["softmax", "contrastive", "triplet"] | None = Field(None, description="Loss of the two-tower model.")
    search_trials: int = Field(
        0, ge=0, le=500, description="Trials of a search of each model's parameters on validation; 0: no search."
    )
    ranker: Literal["best", "lambdamart", "dcn"] = Field(
        "lambdamart", description="Ranker to train; best: all of them, and the better one on validation is kept."
    )

    def retrievers(self, domain: Domain) -> tuple[str, ...]:
        """The chosen retrievers, in the domain's order; raises `BadInput` for one that it does not declare."""
        unknown = sorted(set(self.models or ()) - set(domain.quotas))
        if unknown:
            raise BadInput(
                f"models: {domain.name} declares no {', '.join(unknown)}; choose from {', '.join(domain.quotas)}"
            )
        return tuple(name for name in domain.quotas if name in (self.models or domain.usual_retrievers))

    def of_retriever(self, name: str, found: Mapping[str, Any] | None = None) -> Frozen:
        """The parameters of one retriever: those chosen here that it has, else those found, else its defaults."""
        return self._of(name, kind_of(name), found or {})

    def of_rankers(self, found: Mapping[str, Any] | None = None) -> dict[str, Frozen]:
        """Name of each ranker to train → its parameters: those chosen here reach the neural ones, those found the trees."""
        from ml.ranking import RANKERS, get_ranker

        kinds = {name: get_ranker(name) for name in (RANKERS if self.ranker == "best" else [self.ranker])}
        return {
            name: self._of(name, kind.Parameters, {}) if kind.neural else kind.Parameters.model_validate(found or {})
            for name, kind in kinds.items()
        }

    def _of(self, name: str, kind: type[Frozen], found: Mapping[str, Any]) -> Frozen:
        chosen = {
            field: value for field, value in self.model_dump(exclude_none=True).items() if field in kind.model_fields
        }
        try:
            return kind.model_validate({**found, **chosen})
        except ValidationError as error:
            raise BadInput(f"parameters of {name}: {describe(error)}") from None


class SlateParameters(Frozen):
    """What a person may choose about the slates that are written for everybody."""

    outputs: Outputs | None = Field(
        None, description="Items that users have not (new), have (owned), or any (mixed); default: as trained."
    )


def kind_of(model: str) -> type[Frozen]:
    """What can be set for a retriever, or for the `ranker` (its trees); raises `BadInput` for any other."""
    # Imported here, so that Airflow reads the form without numpy and pandas.
    from ml.ranking.lambdamart import LambdaMartParameters
    from ml.retrieval import get_retriever

    return LambdaMartParameters if model == RANKER else get_retriever(model).Parameters


def parse_parameters(given: Mapping[str, Any]) -> TrainingParameters:
    """Typed parameters from what a person or Airflow handed in; raises `BadInput` naming each wrong field."""
    try:
        return TrainingParameters.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise BadInput(f"training parameters: {describe(error)}") from None


def describe(error: ValidationError) -> str:
    """One line a wrong field."""
    return "; ".join(
        f"{'.'.join(map(str, each['loc']))}: {each['msg']} (got {each['input']!r})" for each in error.errors()
    )
