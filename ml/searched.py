"""How far a parameter is searched: said beside the parameter, read by `ml.search`.

`learning_rate: Annotated[float, Searched(1e-3, 1e-2, log=True)] = Field(3e-3, ...)`
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Searched:
    """An interval, both ends included."""

    low: float
    high: float
    log: bool = False  # whether values are drawn evenly on a logarithmic scale
    never: float | None = None  # a value outside that stands at the upper end: a half-life without any decay


@dataclass(frozen=True)
class SearchedAmong:
    """A few values without an order."""

    values: tuple[str | int | float | bool, ...]
