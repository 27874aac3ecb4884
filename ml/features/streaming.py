"""Every entity's features, kept up to date from a stream of events and placements."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from ml.features.declarations import PLACEMENT_COLUMNS, Declarations
from ml.features.fold import Elsewhere, Event, Fold, Key, State, Value, Values
from ml.features.states import Clock

Shares = Mapping[str, Mapping[str, float]]  # item → column → share of places


@dataclass(frozen=True)
class Placement:
    """An item on display or in the mailer at a place, from `valid_from` until before `valid_to` (microseconds)."""

    item_id: str
    place_id: str
    valid_from: int
    valid_to: int
    on_display: bool
    in_mailer: bool


class Placements:
    """All placements that are in force or to come, and at how many places they show each item."""

    def __init__(self) -> None:
        self._known: list[Placement] = []
        self._shares: dict[int, Shares] = {}  # of the last instant asked for

    def add(self, placement: Placement) -> None:
        """Take a placement in; one that shows the item nowhere says nothing."""
        if placement.on_display or placement.in_mailer:
            self._known.append(placement)
            self._shares.clear()

    def shares(self, moment: int) -> Shares:
        """Share of the places with any placement in force that show each item, by column."""
        if moment not in self._shares:
            self._shares = {moment: self._counted(moment)}
        return self._shares[moment]

    def _counted(self, moment: int) -> Shares:
        in_force = [each for each in self._known if each.valid_from <= moment < each.valid_to]
        places = len({each.place_id for each in in_force})
        shown: dict[str, dict[str, set[str]]] = defaultdict(lambda: {column: set() for column in PLACEMENT_COLUMNS})
        for each in in_force:
            for column in PLACEMENT_COLUMNS:
                if getattr(each, column):
                    shown[each.item_id][column].add(each.place_id)
        return {item: {column: len(at) / places for column, at in by.items()} for item, by in shown.items()}


class StreamingFeatures:
    """Takes events in any order, each once; answers with features at an instant later than all of them."""

    def __init__(self, declarations: Declarations, day_starts_at_hour: int) -> None:
        clock = Clock(day_starts_at_hour)
        self.placements = Placements()
        self._folds = {name: Fold(entity, clock) for name, entity in declarations.items()}
        self._states: dict[str, dict[Key, State]] = {name: {} for name in declarations}
        self._openers: dict[tuple[str, ...], Event] = {}

    def add(self, event: Event) -> None:
        """Take one event in."""
        flags, displaced = self._opened(event)
        for name, fold in self._folds.items():
            if (key := fold.key(event)) is not None:
                self._states[name][key] = fold.add(self._states[name].get(key, {}), event, flags)
        for flag, later in displaced:
            for name, fold in self._folds.items():
                if (key := fold.key(later)) is not None:
                    self._states[name][key] = fold.take_back(self._states[name][key], later, flag)

    def keys(self, entity: str) -> list[Key]:
        """The keys of an entity that have left a trace."""
        return sorted(self._states[entity])

    def values(self, entity: str, key: Key, moment: int) -> Values:
        """All features of one key at an instant (microseconds since 1970 UTC)."""
        fold = self._folds[entity]
        known = dict(zip(fold.entity.keys, key, strict=True))
        placed = self.placements.shares(moment).get(known.get("item_id", ""), {})
        elsewhere = Elsewhere(partial(self._foreign, moment, known), placed)
        return fold.finish(self._states[entity][key], moment, elsewhere)

    def _foreign(self, moment: int, known: Mapping[str, str], reference: str, values: Values) -> Value:
        """Another entity's feature, found by key columns that are known or finished already."""
        entity, name = reference.split(".", 1)
        columns = {**values, **known}
        key = tuple(str(columns[column]) for column in self._folds[entity].entity.keys if columns[column] is not None)
        return self.values(entity, key, moment)[name] if key in self._states[entity] else None

    def _opened(self, event: Event) -> tuple[frozenset[str], list[tuple[str, Event]]]:
        """The flags that this event holds, and the (flag, event) of later ones that it takes them from."""
        groups = {
            "opens_session": (event.user_id, event.session_id, event.event_type),
            "opens_pair": (event.user_id, event.item_id, event.event_type),
        }
        flags, displaced = set(), []
        for flag, group in groups.items():
            opener = self._openers.get((flag, *group))
            if opener is None or event.order < opener.order:
                self._openers[(flag, *group)] = event
                flags.add(flag)
                displaced += [(flag, opener)] if opener else []
        return frozenset(flags), displaced
