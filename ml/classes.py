"""Classes by name: each is imported when it is first asked for, so that one does not bring the libraries of all."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ml.errors import BadInput


def class_named(name: str, where: Mapping[str, str], noun: str) -> Any:
    """The class of this name.

    Args:
        name: What is asked for.
        where: Name → `module:class`.
        noun: What such a class is, for the error.

    Raises:
        BadInput: for any other name; names the known ones.
    """
    if name not in where:
        raise BadInput(f"there is no {noun} {name!r}; there are: {', '.join(where)}")
    module, _, attribute = where[name].partition(":")
    return getattr(import_module(module), attribute)
