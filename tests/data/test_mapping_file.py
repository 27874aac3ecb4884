"""A mapping file that is wrong says where, and what would be right."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ml.data.loaders.mapping import read_mapping
from ml.domains import Domain, Protocol, Source, get_domain
from ml.errors import BadInput

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PLACED = {"item_id": "i", "place_id": "p", "valid_from": "f", "valid_to": "t"}
EVENTS: dict[str, Any] = {
    "files": "events.csv",
    "columns": {
        "user_id": "user",
        "session_id": "session",
        "item_id": "item",
        "occurred_at": "time",
        "event_type": {"constant": "purchase"},
    },
}


def refused(tmp_path: Path, text: str) -> str:
    path = tmp_path / "shop.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        read_mapping(path, get_domain("retail"))
    assert str(path) in str(caught.value)
    return str(caught.value)


def with_columns(**changes: object) -> dict[str, Any]:
    return {"interactions": EVENTS | {"columns": EVENTS["columns"] | changes}}


def without(column: str, **events: object) -> dict[str, Any]:
    kept = {name: origin for name, origin in EVENTS["columns"].items() if name != column}
    return {"interactions": EVENTS | {"columns": kept} | events}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"source": "My Shop"}, "source: String should match pattern"),
        ({"interaction": {}}, "interaction: no such field; did you mean 'interactions'"),
        ({"protocol": {"cadence": 7}}, "protocol.cadence: no such field; did you mean 'cadence_days'"),
        ({"protocol": {"cadence_days": 0}}, "protocol.cadence_days: Input should be greater than or equal to 1"),
        ({"interactions": None}, "interactions: "),
        ({"interactions": EVENTS | {"file": "x"}}, "interactions.file: no such field; did you mean 'files'"),
        ({"interactions": EVENTS | {"files": []}}, "interactions.files: "),
        ({"interactions": EVENTS | {"session": {"gap_minutes": 5}}}, "map session_id, or else give session"),
        (without("session_id"), "map session_id, or else give session: {gap_minutes: 30}"),
        (without("user_id"), "write unit: session"),
        (without("item_id"), "interactions.columns: item_id must be mapped"),
        (with_columns(itemid="item"), "interactions.columns.itemid: no such column; did you mean 'item_id'"),
        (with_columns(value={}), "give either a column or a constant"),
        (with_columns(value={"column": "a", "constant": 1}), "give either a column or a constant"),
        (with_columns(value={"constant": 1, "unit": "s"}), "go with a column"),
        (with_columns(value={"column": "a", "unit": "s"}), "interactions.columns.value: unit is for times only"),
        (with_columns(value={"column": "a", "whole_number": True}), "whole_number is for ids only"),
        (with_columns(value={"column": "a", "vales": {}}), "vales: no such field; did you mean 'values'"),
        (with_columns(event_type={"constant": "purchas"}), "no event type 'purchas'; did you mean 'purchase'"),
        (with_columns(event_type={"column": "e", "values": {"v": "view"}}), "set target_events among ['view']"),
        (with_columns(occurred_at={"constant": "someday"}), "interactions.columns.occurred_at: the constant 'someday'"),
        (with_columns(value={"constant": True}), "the constant True is no DOUBLE"),
        (with_columns(value={"constant": float("nan")}), "the constant nan is no DOUBLE"),
        ({"target_events": ["buy"]}, "no event type 'buy'"),
        (
            {"users": {"files": "u.csv", "columns": {"user_id": "u", "attributes": "a"}}},
            "list them under users.attributes",
        ),
        (
            {"placements": {"files": "p.csv", "columns": PLACED, "attributes": {"a": "b"}}},
            "only items, users, user_states have attributes",
        ),
        (
            {"items": {"files": "i.csv", "columns": {"item_id": "i"}, "session": {"gap_minutes": 1}}},
            "only interactions",
        ),
    ],
)
def test_each_mistake_is_named_with_its_remedy(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    assert told in refused(tmp_path, yaml.safe_dump({"source": "shop", "interactions": EVENTS} | change))


def source_of(tmp_path: Path, domain: Domain, **change: object) -> Source:
    path = tmp_path / "shop.yaml"
    path.write_text(yaml.safe_dump({"source": "shop", "interactions": EVENTS} | change), encoding="utf-8")
    return read_mapping(path, domain).mapping.declared_source(domain)


@pytest.mark.parametrize("domain", [get_domain("retail"), get_domain("banking")], ids=lambda domain: domain.name)
@pytest.mark.parametrize(
    ("said", "changed"),
    [
        ({}, {}),
        ({"protocol": None}, {}),
        ({"protocol": {}}, {}),
        ({"protocol": {"unit": "session"}}, {"unit": "session"}),
        ({"protocol": {"test_cadences": 2}}, {"test_cadences": 2}),
        ({"protocol": {"cadence_months": 3}}, {"cadence_months": 3}),
        ({"protocol": {"cadence_days": 1}}, {"cadence_days": 1, "cadence_months": None}),
    ],
)
def test_what_the_protocol_does_not_say_is_as_the_domain_declares(
    tmp_path: Path, domain: Domain, said: dict[str, Any], changed: dict[str, Any]
) -> None:
    assert domain.protocol != Protocol()
    applied = source_of(tmp_path, domain, **said).applied_to(domain).protocol
    assert applied == domain.protocol.model_copy(update=changed)


def test_a_domain_of_sessions_needs_no_users(tmp_path: Path) -> None:
    retail = get_domain("retail")
    anonymous = retail.model_copy(update={"protocol": retail.protocol.model_copy(update={"unit": "session"})})
    assert source_of(tmp_path, anonymous, **without("user_id")).protocol is None


@pytest.mark.parametrize("text", ["", "- a", "just text", "source: [", "\x07"])
def test_a_file_that_is_no_mapping(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, text)


def test_a_mapping_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_mapping(tmp_path / "none.yaml", get_domain("retail"))


def test_there_are_examples_and_each_is_valid() -> None:
    examples = sorted(EXAMPLES.glob("*.yaml"))
    assert examples
    for example in examples:
        assert read_mapping(example, get_domain("retail")).mapping.source == example.stem
