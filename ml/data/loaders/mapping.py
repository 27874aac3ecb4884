"""The mapping file: how any CSV or Parquet becomes the landing tables, declared, typed and validated."""

from collections.abc import Mapping as MappingType
from datetime import date, datetime
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator

from ml.data.schema import BOOLEAN, DOUBLE, SOURCE_TABLES, TIMESTAMP, VARCHAR, absent_columns
from ml.domains import Domain, Protocol, Source
from ml.domains.frozen import Frozen
from ml.errors import BadInput


def _as_column(given: object) -> object:
    """A bare name stands for a column."""
    return {"column": given} if isinstance(given, str) else given


def _as_text(given: object) -> object:
    """YAML reads an unquoted date as a date."""
    return given.isoformat() if isinstance(given, date) else given


def _as_list(given: object) -> object:
    return [given] if isinstance(given, str) else given


class Column(Frozen):
    """Where one contract column comes from: a column of the file, or a constant."""

    column: str | None = Field(None, description="Column of the file.")
    constant: Annotated[str | int | float | bool | None, BeforeValidator(_as_text)] = Field(
        None, description="The same value for every row."
    )
    unit: Literal["s", "ms", "us"] | None = Field(
        None, description="Times counted since 1970 UTC, in this unit; without it they are dates or ISO timestamps."
    )
    values: dict[str, str] | None = Field(None, description="What each value of the file means; no other may occur.")
    whole_number: bool = Field(False, description="Ids written as numbers: 17.0 lands as 17.")

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.column is None) == (self.constant is None):
            raise ValueError("give either a column or a constant")
        if self.column is None and (self.unit or self.values or self.whole_number):
            raise ValueError("unit, values and whole_number go with a column, not with a constant")
        return self


class Session(Frozen):
    """How events without a session id are gathered into sessions: a visit ends after some minutes without an event."""

    gap_minutes: float = Field(gt=0)


class TableMapping(Frozen):
    """One landing table: the files it is read from, and where each of its columns comes from."""

    files: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = Field(
        min_length=1, description="Paths or glob patterns, relative to the data folder; each file is one partition."
    )
    columns: dict[str, Annotated[Column, BeforeValidator(_as_column)]] = Field(min_length=1)
    delimiter: str = Field(",", min_length=1, max_length=1)
    encoding: Literal["utf-8", "utf-16", "latin-1"] = "utf-8"
    missing: tuple[str, ...] = Field(("",), description="Texts that stand for a missing value.")
    session: Session | None = Field(None, description="Interactions only.")
    attributes: dict[str, str] = Field(
        {}, description="Not of interactions or placements: attribute name to column of the file."
    )


REQUIRED = {
    "interactions": ("item_id", "event_type", "occurred_at"),
    "items": ("item_id",),
    "users": ("user_id",),
    "placements": ("item_id", "place_id", "valid_from", "valid_to"),
    "user_states": ("user_id", "valid_from"),
}
WITH_ATTRIBUTES = ("items", "users", "user_states")


class Mapping(Frozen):
    """A whole mapping file; docs/bring-your-own-data.md explains it by example."""

    source: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="A name for where the data came from.")
    data_folder: str = Field(".", description="Where the files lie, relative to the mapping file.")
    timezone: str = Field("UTC", description="IANA name: the zone of times that say none.")
    protocol: Protocol | None = Field(
        None, description="How time is cut into windows for evaluation; what it does not say is as the domain declares."
    )
    target_events: tuple[str, ...] | None = Field(None, description="The events that a recommendation should bring.")
    interactions: TableMapping
    items: TableMapping | None = None
    users: TableMapping | None = None
    placements: TableMapping | None = None
    user_states: TableMapping | None = None

    @property
    def tables(self) -> dict[str, TableMapping]:
        """The landing tables that are mapped, by name."""
        return {name: table for name in SOURCE_TABLES if (table := getattr(self, name)) is not None}

    @model_validator(mode="after")
    def _tables_fit_the_contract(self) -> Self:
        for name, table in self.tables.items():
            _check_columns(name, table)
        return self

    @model_validator(mode="after")
    def _sessions_can_be_made(self) -> Self:
        columns, session = self.interactions.columns, self.interactions.session
        if ("session_id" in columns) == (session is not None):
            raise ValueError("interactions: map session_id, or else give session: {gap_minutes: 30}")
        if session and "user_id" not in columns:
            raise ValueError("interactions: sessions by gap_minutes need user_id; map it, or map session_id")
        return self

    def protocol_for(self, domain: Domain) -> Protocol:
        """The domain's protocol with what is said here instead; a cadence in days takes the place of one in months."""
        if self.protocol is None:
            return domain.protocol
        said = {name: getattr(self.protocol, name) for name in self.protocol.model_fields_set}
        by_days = {"cadence_months": None} if "cadence_days" in said else {}
        return domain.protocol.model_copy(update=by_days | said)

    def declared_source(self, domain: Domain) -> Source:
        """What this source lacks or changes about its domain."""
        supplied = {name: set(table.columns) for name, table in self.tables.items()}
        supplied["interactions"] |= {"event_id", "session_id"}  # made where they are not mapped
        for name in WITH_ATTRIBUTES:
            if name in self.tables and self.tables[name].attributes:
                supplied[name].add("attributes")
        return Source(
            name=self.source,
            absent=absent_columns(supplied),
            protocol=None if self.protocol is None else self.protocol_for(domain),
            target_events=self.target_events,
        )


class ReadMapping(Frozen):
    """A mapping with the place where its files lie."""

    path: Path
    folder: Path
    mapping: Mapping


def _check_columns(name: str, table: TableMapping) -> None:
    contract = SOURCE_TABLES[name].columns
    for column, origin in table.columns.items():
        if column not in contract:
            raise ValueError(f"{name}.columns.{column}: no such column{nearest(column, contract)}")
        if column == "attributes":
            raise ValueError(f"{name}.columns.attributes: list them under {name}.attributes instead")
        if origin.unit and contract[column] != TIMESTAMP:
            raise ValueError(f"{name}.columns.{column}: unit is for times only")
        if origin.whole_number and contract[column] != VARCHAR:
            raise ValueError(f"{name}.columns.{column}: whole_number is for ids only")
        if origin.constant is not None and not _fits(origin.constant, contract[column]):
            raise ValueError(f"{name}.columns.{column}: the constant {origin.constant!r} is no {contract[column]}")
    if missing := [column for column in REQUIRED[name] if column not in table.columns]:
        raise ValueError(f"{name}.columns: {', '.join(missing)} must be mapped")
    if table.session and name != "interactions":
        raise ValueError(f"{name}.session: only interactions have sessions")
    if table.attributes and name not in WITH_ATTRIBUTES:
        raise ValueError(f"{name}.attributes: only {', '.join(WITH_ATTRIBUTES)} have attributes")


def _fits(constant: str | int | float | bool, kind: str) -> bool:
    if kind == TIMESTAMP:
        try:
            datetime.fromisoformat(str(constant))
        except ValueError:
            return False
        return True
    is_number = not isinstance(constant, str | bool) and isfinite(constant)
    return {VARCHAR: True, BOOLEAN: isinstance(constant, bool), DOUBLE: is_number}[kind]


def nearest(name: str, known: MappingType[str, Any] | list[str]) -> str:
    """The remedy for a name that does not exist: the nearest one, and all there are."""
    close = get_close_matches(name, list(known), n=1)
    meant = f"; did you mean {close[0]!r}?" if close else "."
    return f"{meant} There are: {', '.join(known)}"


def read_mapping(path: Path, domain: Domain, data_folder: Path | None = None) -> ReadMapping:
    """Read and check a mapping file.

    Args:
        data_folder: Where the files lie, if not where the mapping says.

    Raises:
        BadInput: The file is missing, is no YAML, or says what the contract or the domain does not know.
    """
    try:
        mapping = Mapping.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: is no YAML: {error}") from None
    except ValidationError as error:
        raise BadInput(f"{path}: {'; '.join(_explain(found) for found in error.errors())}") from None
    _check_events(path, mapping, domain)
    _check_unit(path, mapping, domain)
    return ReadMapping(path=path, folder=data_folder or path.parent / mapping.data_folder, mapping=mapping)


def _explain(error: Any) -> str:
    place = ".".join(str(step) for step in error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = "no such field" + nearest(place.rsplit(".", 1)[-1], _fields_at(error["loc"][:-1]))
    return f"{place}: {message}" if place else message


def _fields_at(place: tuple[str | int, ...]) -> list[str]:
    """The fields that may stand at this place of a mapping file."""
    if not place:
        return list(Mapping.model_fields)
    models: dict[str, type[BaseModel]] = {
        "protocol": Protocol,
        "session": Session,
        **dict.fromkeys(SOURCE_TABLES, TableMapping),
    }
    return list(models.get(str(place[-1]), Column).model_fields)


def _check_events(path: Path, mapping: Mapping, domain: Domain) -> None:
    origin = mapping.interactions.columns["event_type"]
    declared = set(origin.values.values()) if origin.values else {str(origin.constant)} if origin.constant else set()
    for event in sorted(declared | set(mapping.target_events or ())):
        if event not in domain.event_weights:
            raise BadInput(f"{path}: {domain.name} knows no event type {event!r}{nearest(event, domain.event_weights)}")
    targets = mapping.target_events or domain.target_events
    if declared and not declared & set(targets):
        raise BadInput(
            f"{path}: no event is ever one of target_events {list(targets)}; set target_events among {sorted(declared)}"
        )


def _check_unit(path: Path, mapping: Mapping, domain: Domain) -> None:
    if mapping.protocol_for(domain).unit == "user" and "user_id" not in mapping.interactions.columns:
        raise BadInput(f"{path}: protocol: nobody is known without interactions.columns.user_id; write unit: session")
