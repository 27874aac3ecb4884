from typing import Literal

import pytest
from pydantic import BaseModel, Field

from ml.wheel.form import form


class Chosen(BaseModel):
    seed: int = Field(7, ge=0, description="Seed of every draw.")
    epochs: int | None = Field(None, ge=1, le=9, description="Passes.")
    loss: Literal["softmax", "triplet"] | None = Field(None, description="Loss.")
    models: tuple[str, ...] | None = Field(None, description="Models.")


@pytest.fixture
def arguments():
    return form(Chosen)


def test_a_plain_field_keeps_its_default_type_bounds_and_description(arguments):
    seed = arguments["seed"]
    assert (seed["default"], seed["type"], seed["minimum"]) == (7, "integer", 0)
    assert seed["description"] == "Seed of every draw."


def test_an_optional_field_is_a_list_of_types_as_the_form_knows_it(arguments):
    epochs = arguments["epochs"]
    assert epochs["type"] == ["integer", "null"]
    assert (epochs["default"], epochs["minimum"], epochs["maximum"]) == (None, 1, 9)
    assert "anyOf" not in epochs


def test_an_optional_choice_allows_its_own_default(arguments):
    assert arguments["loss"]["enum"] == ["softmax", "triplet", None]


def test_a_list_keeps_the_type_of_its_items(arguments):
    assert arguments["models"]["items"] == {"type": "string"}
    assert arguments["models"]["type"] == ["array", "null"]
