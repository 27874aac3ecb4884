"""From what a model's parameters say about themselves to what Optuna draws from, and back."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import create_model
from pydantic.fields import FieldInfo

from ml.domains.frozen import Frozen
from ml.searched import Searched, SearchedAmong

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def searched_parameters(kind: type[Frozen]) -> tuple[str, ...]:
    """The names of a model's parameters that say how far they are searched."""
    return tuple(name for name, field in kind.model_fields.items() if _range(field) is not None)


def distributions(kind: type[Frozen]) -> dict[str, "BaseDistribution"]:
    """What Optuna draws each searched parameter from."""
    return {name: _distribution(kind.model_fields[name]) for name in searched_parameters(kind)}


def as_drawn(kind: type[Frozen], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The searched ones of these parameters as Optuna knows them: the upper end instead of `never`."""
    return {name: _swapped(kind, name, parameters[name], to_end=True) for name in searched_parameters(kind)}


def as_meant(kind: type[Frozen], drawn: Mapping[str, Any]) -> dict[str, Any]:
    """What Optuna drew as the model reads it: `never` instead of the upper end."""
    return {name: _swapped(kind, name, value, to_end=False) for name, value in drawn.items()}


def outside(kind: type[Frozen], parameters: Mapping[str, Any]) -> str | None:
    """Which of these parameters lies outside of what is searched, in words; `None` where all lie within."""
    for name in searched_parameters(kind):
        value, found = parameters[name], _range(kind.model_fields[name])
        if isinstance(found, SearchedAmong) and value not in found.values:
            return f"{name}: {value} is not searched, only {', '.join(map(str, found.values))}"
        if isinstance(found, Searched) and not _within(found, value):
            end = f"{found.high:g}" if found.never is None else f"below {found.high:g}, or {found.never:g}"
            return f"{name}: {value:g} is not searched, only {found.low:g} to {end}"
    return None


def searched_otherwise(kind: type[Frozen], ranges: Mapping[str, Searched | SearchedAmong]) -> type[Frozen]:
    """The same parameters, those named here searched within these ranges."""
    fields: dict[str, Any] = {
        name: (Annotated[kind.model_fields[name].annotation, found], kind.model_fields[name].default)
        for name, found in ranges.items()
    }
    return create_model(kind.__name__, __base__=kind, **fields) if fields else kind


def _range(field: FieldInfo) -> Searched | SearchedAmong | None:
    return next((each for each in field.metadata if isinstance(each, Searched | SearchedAmong)), None)


def _within(found: Searched, value: float) -> bool:
    if found.never is None:
        return found.low <= value <= found.high
    return value == found.never or found.low <= value < found.high


def _swapped(kind: type[Frozen], name: str, value: Any, *, to_end: bool) -> Any:
    found = _range(kind.model_fields[name])
    if not isinstance(found, Searched) or found.never is None:
        return value
    old, new = (found.never, found.high) if to_end else (found.high, found.never)
    return new if value == old else value


def _distribution(field: FieldInfo) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found = _range(field)
    if isinstance(found, SearchedAmong):
        return CategoricalDistribution(found.values)
    assert found is not None  # noqa: S101 - only searched fields come here
    if field.annotation is int:
        return IntDistribution(int(found.low), int(found.high), log=found.log)
    return FloatDistribution(found.low, found.high, log=found.log)
