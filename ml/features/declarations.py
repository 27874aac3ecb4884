"""The feature declarations of `dbt_project/dbt_project.yml`, typed and checked.

One declaration makes a feature three times over: dbt macros turn it into SQL (`macros/features.sql`), `ml.features.fold`
keeps it up to date event by event, and what is read here says which features a source can supply at all.
Only aggregations whose state is small and does not depend on the order of events may be declared.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from ml.data.schema import SOURCE_TABLES
from ml.domains.frozen import Frozen
from ml.errors import BadInput
from ml.settings import settings

KNOWN_USER = "known_user"  # the events mart's word for "the source says who it was"
CONTRACT_COLUMNS = frozenset(column for table in SOURCE_TABLES.values() for column in table.columns) | {KNOWN_USER}
FIRSTS = ("opens_session", "opens_pair")
FLAGS = Literal["opens_session", "opens_pair", "promoted", "private_brand"]
PLACEMENTS_MART = "item_placements"
PLACEMENT_COLUMNS = ("on_display", "in_mailer")


class Declared(Frozen):
    """What every feature says about itself."""

    description: str = Field(min_length=10, description="One line for people.")
    requires: tuple[str, ...] = Field((), description="Contract columns without which the feature says nothing.")
    internal: bool = Field(False, description="Serves other features and is no column of the mart.")

    @property
    def parts(self) -> tuple[str, ...]:
        """The features that this one is made of."""
        return ()

    @property
    def columns(self) -> frozenset[str]:
        """The contract columns that it requires itself, those of its parts left out."""
        return frozenset(self.requires)


class OfEvents(Declared):
    """A feature made from events of certain types."""

    events: tuple[str, ...] = Field(min_length=1, description="Event types that it is made from.")
    where: FLAGS | None = Field(None, description="A boolean of the event log that must hold too.")


class Windowed(OfEvents):
    """Over all time, over a window of the source's days, or decaying."""

    window_days: int | None = Field(None, ge=1, le=366, description="The day so far and this many whole days before.")
    half_life_days: float | None = Field(None, gt=0, description="Days after which an event is worth half.")

    @model_validator(mode="after")
    def _one_horizon(self) -> "Windowed":
        if self.window_days and self.half_life_days:
            raise ValueError("has both window_days and half_life_days: keep one")
        return self


class Count(Windowed):
    """Number of events."""

    aggregation: Literal["count"]


class Sum(Windowed):
    """Sum of a number of the events; one that is missing adds nothing."""

    aggregation: Literal["sum"]
    of: Literal["value", "quantity", "seconds", "discount", "list_value"]

    @property
    def columns(self) -> frozenset[str]:
        """The summed column too; the value before discounts needs the value."""
        return super().columns | {"value" if self.of == "list_value" else self.of}


class DaysSince(OfEvents):
    """Days from the first or last event to the moment."""

    aggregation: Literal["days_since_first", "days_since_last"]


class LastValue(OfEvents):
    """The text that the last event with any had; at the same instant the greatest event_id decides."""

    aggregation: Literal["last_value"]
    of: Literal["place_id", "category", "brand"]

    @property
    def columns(self) -> frozenset[str]:
        """The column read."""
        return super().columns | {self.of}


class MeanInterval(OfEvents):
    """Mean days between n occasions: (last - first) / (n - 1); missing until there are two."""

    aggregation: Literal["mean_interval"]
    occasions: str = Field(description="The feature that counts them.")

    @property
    def parts(self) -> tuple[str, ...]:
        """The count."""
        return (self.occasions,)


class Ratio(Declared):
    """One feature over another, missing where the latter is zero."""

    aggregation: Literal["ratio"]
    numerator: str
    denominator: str
    scale: int = Field(1, ge=1, description="Multiplies the ratio: 4 makes 7 days and 28 days comparable.")

    @property
    def parts(self) -> tuple[str, ...]:
        """Numerator and denominator."""
        return (self.numerator, self.denominator)


class Difference(Declared):
    """One feature less another."""

    aggregation: Literal["difference"]
    minuend: str
    subtrahend: str

    @property
    def parts(self) -> tuple[str, ...]:
        """Both."""
        return (self.minuend, self.subtrahend)


class PlacementShare(Declared):
    """Share of the places with placements in force that show the item; of items only."""

    aggregation: Literal["placement_share"]
    of: Literal["on_display", "in_mailer"]

    @property
    def columns(self) -> frozenset[str]:
        """The column counted."""
        return super().columns | {self.of}


Feature = Annotated[
    Count | Sum | DaysSince | LastValue | MeanInterval | Ratio | Difference | PlacementShare,
    Field(discriminator="aggregation"),
]


class Entity(Frozen):
    """What features are about, such as a user or a user's category, and the mart that holds them."""

    mart: str
    keys: tuple[str, ...] = Field(min_length=1, description="Columns of the event log that identify one.")
    requires: tuple[str, ...] = Field((), description="Contract columns that all its features require.")
    features: dict[str, Feature]

    @property
    def published(self) -> dict[str, Feature]:
        """The features that are columns of the mart."""
        return {name: feature for name, feature in self.features.items() if not feature.internal}

    @property
    def event_types(self) -> frozenset[str]:
        """The event types that some feature is made from: others leave no trace."""
        return frozenset(kind for each in self.features.values() if isinstance(each, OfEvents) for kind in each.events)


Declarations = dict[str, Entity]


def load_declarations(path: Path | None = None) -> Declarations:
    """Read and check the declarations; entities and features keep their order.

    Args:
        path: A `dbt_project.yml`; default: the one of this checkout.

    Raises:
        BadInput: A declaration is wrong; the message names the feature and what to do.
    """
    path = path or settings().dbt_project / "dbt_project.yml"
    declared = yaml.safe_load(path.read_text(encoding="utf-8"))["vars"]["features"]
    try:
        entities = TypeAdapter(Declarations).validate_python(declared)
    except ValidationError as error:
        problems = "; ".join(_describe(each["loc"], each["msg"]) for each in error.errors())
        raise BadInput(f"{path}: {problems}") from None
    for name in entities:
        _check(path, entities, name)
    return entities


def _describe(location: tuple[Any, ...], message: str) -> str:
    """`user.spend.window_days: …` of an error that pydantic found."""
    entity, *rest = [str(part) for part in location if part != "features"]
    kinds = {"count", "sum", "days_since_first", "days_since_last", "last_value", "mean_interval", "ratio"}
    kinds |= {"difference", "placement_share"}
    return f"{'.'.join([entity, *(part for part in rest if part not in kinds)])}: {message}"


def _check(path: Path, entities: Declarations, entity: str) -> None:
    """Requirements must be columns of the contract, and parts must be declared before what is made of them."""
    declared = entities[entity]
    known: list[str] = []
    for name, feature in declared.features.items():
        where = f"{path}: {entity}.{name}"
        if unknown := (feature.columns | set(declared.requires)) - CONTRACT_COLUMNS:
            raise BadInput(f"{where} requires {', '.join(sorted(unknown))}, which no landing table has")
        if isinstance(feature, OfEvents) and feature.where in FIRSTS and not isinstance(feature, Windowed):
            # An earlier event that arrives late takes being first away: only what is added up can be taken back.
            raise BadInput(f"{where} is where {feature.where}: only count and sum may count firsts")
        for part in feature.parts:
            if "." in part:
                _check_parent(where, entities, declared, known, part)
            elif part not in known:
                raise BadInput(f"{where} is made of {part}, which must be declared above it in {entity}")
        known.append(name)


def _check_parent(where: str, entities: Declarations, own: Entity, known: list[str], part: str) -> None:
    parent, name = part.split(".", 1)
    if parent not in entities or name not in entities[parent].published:
        raise BadInput(f"{where} is made of {part}, which is not declared; name an entity's published feature")
    if any(part.count(".") for each in entities[parent].published.values() for part in each.parts):
        raise BadInput(f"{where} is made of {part}, but {parent} is itself made of other entities: one level only")
    if missing := set(entities[parent].keys) - set(own.keys) - set(known):
        raise BadInput(f"{where} is made of {part}: declare last_value features {', '.join(sorted(missing))} above it")


def supplied(entities: Declarations, absent: Collection[str], event_types: Collection[str]) -> dict[str, list[str]]:
    """The numeric features of each mart that a source can supply, in the order of their declaration.

    Args:
        entities: All declarations.
        absent: Contract columns that the source lacks (`Source.absent`).
        event_types: The types of event that the source has.
    """
    found = {
        entity.mart: [
            feature
            for feature, declared in entity.published.items()
            if not isinstance(declared, LastValue) and _is_supplied(entities, name, feature, absent, event_types)
        ]
        for name, entity in entities.items()
    }
    return found | {PLACEMENTS_MART: [column for column in PLACEMENT_COLUMNS if column not in absent]}


def made_without(entities: Declarations, hidden: Collection[str]) -> dict[str, set[str]]:
    """The features of each mart that no event of these types has a part in, with their parts and their parts' parts."""
    return {
        entity.mart: {feature for feature in entity.features if not _has_part(entities, name, feature, hidden)}
        for name, entity in entities.items()
    }


def _has_part(entities: Declarations, entity: str, name: str, events: Collection[str]) -> bool:
    feature = entities[entity].features[name]
    if isinstance(feature, OfEvents) and set(feature.events) & set(events):
        return True
    return any(_has_part(entities, *owner, events) for owner in _owners(entity, feature))


def _is_supplied(
    entities: Declarations, entity: str, name: str, absent: Collection[str], event_types: Collection[str]
) -> bool:
    feature = entities[entity].features[name]
    if (feature.columns | set(entities[entity].requires)) & set(absent):
        return False
    if isinstance(feature, OfEvents) and not set(feature.events) & set(event_types):
        return False
    return all(_is_supplied(entities, *owner, absent, event_types) for owner in _owners(entity, feature))


def _owners(entity: str, feature: Declared) -> Iterator[tuple[str, str]]:
    """The (entity, feature) of each part."""
    for part in feature.parts:
        owner, name = part.split(".", 1) if "." in part else (entity, part)
        yield owner, name
