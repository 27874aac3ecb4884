"""From what a model's parameters say about themselves to what Optuna draws from."""

from typing import TYPE_CHECKING

from pydantic.fields import FieldInfo

from ml.domains.domain import Frozen
from ml.searched import Searched, SearchedAmong

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def searched_parameters(kind: type[Frozen]) -> tuple[str, ...]:
    """The names of a model's parameters that say how far they are searched."""
    return tuple(name for name, field in kind.model_fields.items() if _range(field) is not None)


def distributions(kind: type[Frozen]) -> dict[str, "BaseDistribution"]:
    """What Optuna draws each searched parameter from."""
    return {name: _distribution(kind.model_fields[name]) for name in searched_parameters(kind)}


def _range(field: FieldInfo) -> Searched | SearchedAmong | None:
    return next((each for each in field.metadata if isinstance(each, Searched | SearchedAmong)), None)


def _distribution(field: FieldInfo) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found = _range(field)
    if isinstance(found, SearchedAmong):
        return CategoricalDistribution(found.values)
    assert found is not None  # noqa: S101 - only searched fields come here
    if field.annotation is int:
        return IntDistribution(int(found.low), int(found.high), log=found.log)
    return FloatDistribution(found.low, found.high, log=found.log)
