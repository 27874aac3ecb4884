"""The streaming twin of the dbt marts: the same declarations, kept up to date one event at a time.

`Fold` is pure and about one key of one entity, such as one user with one item: state in, event in, state out, and the
values at any instant. Events may come in any order, but each only once, and an instant must be later than every event
taken in. `macros/features.sql` of the dbt project computes the same in bulk: whoever changes one changes the other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ml.features.declarations import (
    Count,
    DaysSince,
    Declared,
    Difference,
    Entity,
    LastValue,
    MeanInterval,
    OfEvents,
    PlacementShare,
    Ratio,
    Sum,
)
from ml.features.states import DAY, Aggregation, Clock, Decay, Extent, Latest, Mark, Total, Window

Key = tuple[str, ...]
State = Mapping[str, Any]  # one small state a feature; absent before its first event
Value = float | str | None
Values = dict[str, Value]


@dataclass(frozen=True)
class Event:
    """One event of the log, described by the catalogue as it was known when it happened."""

    event_id: str
    user_id: str
    session_id: str
    item_id: str
    event_type: str
    occurred_at: int  # microseconds since 1970 UTC
    known_user: bool = True
    value: float | None = None
    quantity: float | None = None
    seconds: float | None = None
    discount: float | None = None
    place_id: str | None = None
    category: str | None = None
    brand: str | None = None
    private_brand: bool = False
    promoted: bool = False

    @property
    def list_value(self) -> float:
        """Value before the discount."""
        return (self.value or 0.0) + (self.discount or 0.0)

    @property
    def order(self) -> tuple[int, bytes]:
        """Which of two events came first; at the same instant the identifiers' bytes decide, as they do in DuckDB."""
        return self.occurred_at, self.event_id.encode()


@dataclass(frozen=True)
class Elsewhere:
    """What one key's state does not hold.

    Attributes:
        foreign: Another entity's feature (`category.purchases_84d`), from the values finished so far, which hold the
            other entity's key.
        placed: Share of the places that show the item, by column; a column that is missing is shown nowhere.
    """

    foreign: Callable[[str, Values], Value]
    placed: Mapping[str, float]

    def part(self, reference: str, values: Values) -> Value:
        """A feature that another is made of."""
        return self.foreign(reference, values) if "." in reference else values[reference]


@dataclass(frozen=True)
class Fold:
    """What an event does to the state of one key, and what the state is worth at an instant."""

    entity: Entity
    clock: Clock

    @cached_property
    def _kept(self) -> dict[str, tuple[OfEvents, Aggregation]]:
        found = {name: each for name, each in self.entity.features.items() if isinstance(each, OfEvents)}
        return {name: (feature, aggregation_of(feature, self.clock)) for name, feature in found.items()}

    def key(self, event: Event) -> Key | None:
        """The key that an event belongs to; None where it leaves no trace in this entity."""
        key = tuple(getattr(event, column) for column in self.entity.keys)
        hidden = "known_user" in self.entity.requires and not event.known_user
        return None if hidden or None in key or event.event_type not in self.entity.event_types else key

    def add(self, state: State, event: Event, flags: frozenset[str]) -> State:
        """The state with one more event; `flags` says which of `opens_session` and `opens_pair` hold."""
        changed = dict(state)
        for name, (feature, aggregation) in self._kept.items():
            if _matches(feature, event, flags):
                changed[name] = aggregation.add(state.get(name), _mark(feature, event))
        return changed

    def take_back(self, state: State, event: Event, flag: str) -> State:
        """The state in which an event that was added no longer holds a flag, because an earlier one now does."""
        changed = dict(state)
        for name, (feature, aggregation) in self._kept.items():
            if feature.where == flag and _matches(feature, event, frozenset({flag})):
                mark = _mark(feature, event)
                changed[name] = aggregation.add(state.get(name), mark._replace(amount=-mark.amount))
        return changed

    def finish(self, state: State, moment: int, elsewhere: Elsewhere) -> Values:
        """Every feature, internal ones too, at an instant."""
        values: Values = {}
        for name, feature in self.entity.features.items():
            if name in self._kept:
                values[name] = self._kept[name][1].finish(state.get(name), moment)
            values[name] = _derived(feature, values.get(name), values, elsewhere)
        return values


def aggregation_of(feature: OfEvents, clock: Clock) -> Aggregation:
    """The state that a declared feature is kept in."""
    if isinstance(feature, Count | Sum):
        if feature.window_days:
            return Window(feature.window_days, clock)
        return Decay(feature.half_life_days * DAY) if feature.half_life_days else Total()
    if isinstance(feature, DaysSince):
        return Extent(feature.aggregation)
    return Extent("span") if isinstance(feature, MeanInterval) else Latest()


def _matches(feature: OfEvents, event: Event, flags: frozenset[str]) -> bool:
    if event.event_type not in feature.events:
        return False
    return feature.where is None or feature.where in flags or bool(getattr(event, feature.where, False))


def _mark(feature: OfEvents, event: Event) -> Mark:
    """What the event says to the feature; a number that is missing adds nothing."""
    amount: Any = 1.0
    if isinstance(feature, Sum):
        amount = getattr(event, feature.of) or 0.0
    if isinstance(feature, LastValue):
        amount = getattr(event, feature.of)
    return Mark(event.occurred_at, event.event_id, amount)


def _derived(feature: Declared, kept: Value, values: Values, elsewhere: Elsewhere) -> Value:
    """A feature from those before it; what is kept in a state of its own stays as it is, but for an interval."""
    if isinstance(feature, MeanInterval):
        return _divide(kept, _number(values[feature.occasions]) - 1)
    if isinstance(feature, PlacementShare):
        return elsewhere.placed.get(feature.of, 0.0)
    if not isinstance(feature, Ratio | Difference):
        return kept
    first, second = (elsewhere.part(part, values) for part in feature.parts)
    if isinstance(feature, Ratio):
        return _divide(first, second, feature.scale)
    return None if first is None or second is None else _number(first) - _number(second)


def _number(value: Value) -> float:
    return float(value or 0.0)


def _divide(above: Value, below: Value, scale: int = 1) -> float | None:
    """A ratio; None where either is missing or there is nothing to divide by."""
    return None if above is None or not below else scale * _number(above) / _number(below)
