"""The form of a DAG, made from the typed parameters that its steps take, so that neither can drift."""

from typing import Any

from pydantic import BaseModel


def form(parameters: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """The arguments of one Airflow `Param` for each field of a model: default, JSON schema, description.

    Airflow's form knows `type: [integer, null]`, but not pydantic's `anyOf: [{type: integer}, {type: null}]`.
    """
    properties: dict[str, dict[str, Any]] = parameters.model_json_schema()["properties"]
    return {name: _argument(schema) for name, schema in properties.items()}


def _argument(schema: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in schema.items() if name != "anyOf"}
    given.setdefault("default", None)
    variants = schema.get("anyOf", [])
    for variant in variants:
        given |= {name: value for name, value in variant.items() if name != "type"}
    if variants:
        given["type"] = [variant["type"] for variant in variants]
    if "enum" in given and None in (given["default"],):
        given["enum"] = [*given["enum"], None]
    return given
