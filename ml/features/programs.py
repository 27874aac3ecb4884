"""The declared features of one entity as numbers that compiled loops read: what to add up, then what to divide."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.data.arrays import Bools, Floats, Ints
from ml.errors import BadInput
from ml.features.declarations import (
    PLACEMENT_COLUMNS,
    Count,
    DaysSince,
    Declarations,
    Difference,
    Entity,
    LastValue,
    MeanInterval,
    OfEvents,
    PlacementShare,
    Ratio,
    Sum,
)

DAY_US = 86_400_000_000
OPERATION, CONDITION, WINDOW, OF, SLOT = range(5)  # columns of a program's operations
ADD, DECAY, FIRST, LAST, SPAN, LATEST = range(6)
RATIO, DIFFERENCE, INTERVAL = range(3)
ALWAYS, OPENS_SESSION, OPENS_PAIR, PROMOTED, PRIVATE_BRAND = range(5)
CONDITIONS = {
    None: ALWAYS, "opens_session": OPENS_SESSION, "opens_pair": OPENS_PAIR, "promoted": PROMOTED,
    "private_brand": PRIVATE_BRAND,
}  # fmt: skip
ONE, VALUE, QUANTITY, SECONDS, DISCOUNT, LIST_VALUE = range(6)
AMOUNTS = {
    "value": VALUE, "quantity": QUANTITY, "seconds": SECONDS, "discount": DISCOUNT, "list_value": LIST_VALUE,
}  # fmt: skip
PLACE, CATEGORY, BRAND = range(3)
TEXTS = {"place_id": PLACE, "category": CATEGORY, "brand": BRAND}
EVER = 2**40  # days
MOST_KINDS = 64  # event types are remembered as the bits of one number
Values = NDArray[np.float64]
Wanted = dict[str, None]  # features in the order of their declaration


@dataclass(frozen=True)
class Program:
    """What one entity's features are computed by; a group's values stand in S slots."""

    entity: Entity
    slots: dict[str, int]  # feature, or another entity's (`user.sessions`), or `placed.on_display` → its slot
    initial: Values  # (S,) the values before any event
    kinds: Bools  # (K,) types that leave a trace
    starts: Ints  # (K + 1,) with `members`: the aggregates that read each type
    members: Ints
    ops: Ints  # (A, 5) operation, condition, window in days, amount or text, slot
    half_life: Values  # (A,) days; NaN: none
    steps: Ints  # (T, 4) operation, slot, slots of both parts, in order
    scale: Values  # (T,)

    @classmethod
    def of(cls, entity: Entity, names: Iterable[str], kinds: Sequence[str]) -> "Program":
        """The program of these features of an entity and of what they are made of.

        Raises:
            BadInput: There are more event types than fit.
        """
        if len(kinds) > MOST_KINDS:
            raise BadInput(f"{len(kinds)} event types: traces tell at most {MOST_KINDS} apart")
        wanted = _closure(entity, names)
        slots, initial = _slots(entity, wanted)
        aggregates = [name for name in wanted if isinstance(entity.features.get(name), OfEvents)]
        reads = [[at for at, name in enumerate(aggregates) if kind in _events(entity, name)] for kind in kinds]
        derived = [name for name in wanted if isinstance(entity.features.get(name), Ratio | Difference | MeanInterval)]
        return cls(
            entity, slots, np.array(initial, np.float64), np.array([kind in entity.event_types for kind in kinds], bool),
            np.cumsum([0, *map(len, reads)], dtype=np.int64), np.array([at for read in reads for at in read], np.int64),
            np.array([_operation(entity.features[name], slots[name]) for name in aggregates], np.int64).reshape(-1, 5),
            np.array([getattr(entity.features[name], "half_life_days", None) for name in aggregates], np.float64),
            np.array([_step(entity, name, slots) for name in derived], np.int64).reshape(-1, 4),
            np.array([getattr(entity.features[name], "scale", 1) for name in derived], np.float64),
        )  # fmt: skip

    @property
    def foreign(self) -> dict[str, list[str]]:
        """The features of other entities that these are made of, by entity."""
        found: dict[str, list[str]] = {}
        for reference in self.slots:
            if "." in reference and not reference.startswith("placed."):
                parent, name = reference.split(".", 1)
                found.setdefault(parent, []).append(name)
        return found

    def blank(self, groups: int) -> Values:
        """(G, S) values before any event."""
        values = np.empty((groups, len(self.initial)), self.initial.dtype)
        values[:] = self.initial  # lets go of the interpreter, as `numpy.tile` does not
        return values

    def columns(self, values: Values, names: Sequence[str]) -> Floats:
        """(G, F) these features, in single precision as in the marts."""
        return values[:, [self.slots[name] for name in names]].astype(np.float32)


def _events(entity: Entity, name: str) -> tuple[str, ...]:
    feature = entity.features[name]
    return feature.events if isinstance(feature, OfEvents) else ()


def _closure(entity: Entity, names: Iterable[str]) -> Wanted:
    """The named features with all that they are made of, in the order of declaration; other entities' first."""
    wanted, open_ = set(), list(names)
    while open_:
        name = open_.pop()
        if name in wanted:
            continue
        wanted.add(name)
        open_ += entity.features[name].parts if "." not in name else ()
    foreign = sorted(name for name in wanted if "." in name)
    own = [
        name for name, each in entity.features.items() if name in wanted or (foreign and isinstance(each, LastValue))
    ]
    placed = {
        f"placed.{each.of}" for each in (entity.features[name] for name in own) if isinstance(each, PlacementShare)
    }
    return dict.fromkeys([*foreign, *(f"placed.{of}" for of in PLACEMENT_COLUMNS if f"placed.{of}" in placed), *own])


def _slots(entity: Entity, wanted: Wanted) -> tuple[dict[str, int], list[float]]:
    """Where each feature stands; an interval and a last value need a second number beside their own."""
    slots: dict[str, int] = {}
    initial: list[float] = []
    for name in wanted:
        feature = entity.features.get(name)
        if isinstance(feature, PlacementShare):
            slots[name] = slots[f"placed.{feature.of}"]
            continue
        slots[name] = len(initial)
        initial.append(0.0 if isinstance(feature, Count | Sum) else np.nan)
        initial += [np.nan] if isinstance(feature, LastValue) else []
        if isinstance(feature, MeanInterval):
            # The first age and the last one stand behind the quotient that is made of them.
            initial += [np.nan, np.nan]
    return slots, initial


def _operation(feature: object, slot: int) -> tuple[int, int, int, int, int]:
    where = CONDITIONS[feature.where] if isinstance(feature, OfEvents) else ALWAYS
    if isinstance(feature, Count | Sum):
        amount = AMOUNTS[feature.of] if isinstance(feature, Sum) else ONE
        window = feature.window_days if feature.window_days is not None else EVER
        return DECAY if feature.half_life_days else ADD, where, window, amount, slot
    if isinstance(feature, LastValue):
        return LATEST, where, EVER, TEXTS[feature.of], slot
    if isinstance(feature, DaysSince):
        return FIRST if feature.aggregation == "days_since_first" else LAST, where, EVER, 0, slot
    return SPAN, where, EVER, 0, slot + 1


def _step(entity: Entity, name: str, slots: Mapping[str, int]) -> tuple[int, int, int, int]:
    feature = entity.features[name]
    if isinstance(feature, MeanInterval):
        return INTERVAL, slots[name], slots[name] + 1, slots[feature.occasions]
    left, right = (slots[part] for part in feature.parts)
    return RATIO if isinstance(feature, Ratio) else DIFFERENCE, slots[name], left, right


def at_mart(declarations: Declarations, mart: str) -> Entity:
    """The entity of a mart; raises `BadInput` where none is declared."""
    for entity in declarations.values():
        if entity.mart == mart:
            return entity
    raise BadInput(f"no entity declares the mart {mart}: declare one in dbt_project.yml, vars.features")
