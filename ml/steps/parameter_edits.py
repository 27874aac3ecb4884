"""Writing parameters into a file that people wrote: everything else in it, comments and layout included, stays."""

import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ml.errors import BadInput


class Edit(NamedTuple):
    """A stretch of the text, and what stands there instead."""

    start: int
    end: int
    text: str


def write_parameters(path: Path, model: str, parameters: Mapping[str, Any]) -> None:
    """Set parameters of one model of a benchmark's file, by one rename.

    Raises:
        BadInput: The file is laid out so that no such change leaves the rest as it is.
    """
    real = path.resolve()
    with real.open(encoding="utf-8", newline="") as stream:  # line ends stay as they are
        text = stream.read()
    changed = with_parameters(text, model, parameters)
    if yaml.safe_load(changed) != _wanted(yaml.safe_load(text), model, parameters):
        raise BadInput(
            f"{path}, models.{model}: other parts of the file share its parameters, so they were not written: "
            f"write them there yourself: {flow(parameters)}"
        )
    beside = real.with_name(f".{real.name}.{uuid.uuid4().hex}")
    with beside.open("w", encoding="utf-8", newline="") as stream:
        stream.write(changed)
    shutil.copymode(real, beside)
    os.replace(beside, real)


def with_parameters(text: str, model: str, parameters: Mapping[str, Any]) -> str:
    """The text of a file with these parameters of one of its models: known ones replaced, others added at the end."""
    found = _entries(_entries(yaml.compose(text, yaml.SafeLoader))["models"])[model]
    own = _entries(found).get("parameters")
    if own is None:
        edits = _edits(text, found, {"parameters": flow(parameters)})
    else:
        edits = _edits(text, own, {name: flow(value) for name, value in parameters.items()})
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def flow(value: Any) -> str:
    """A value on one line, as YAML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {flow(each)}" for name, each in value.items()) + "}"
    lines: list[str] = yaml.safe_dump(value, default_flow_style=True).splitlines()
    return lines[0]


def _wanted(document: Any, model: str, parameters: Mapping[str, Any]) -> Any:
    choice = document["models"][model]
    own = {**choice.get("parameters", {}), **parameters}
    return {**document, "models": {**document["models"], model: {**choice, "parameters": own}}}


def _entries(node: yaml.MappingNode) -> dict[str, Any]:
    return {key.value: value for key, value in node.value}


def _edits(text: str, node: yaml.MappingNode, wanted: Mapping[str, str]) -> list[Edit]:
    known = _entries(node)
    edits = [
        Edit(known[name].start_mark.index, known[name].end_mark.index, value)
        for name, value in wanted.items()
        if name in known
    ]
    added = [f"{name}: {value}" for name, value in wanted.items() if name not in known]
    return [*edits, _addition(text, node, added)] if added else edits


def _addition(text: str, node: yaml.MappingNode, added: list[str]) -> Edit:
    """New entries behind a mapping's last one, laid out as the mapping is."""
    if not node.value:  # {}: only a flow mapping can be empty
        at = node.start_mark.index + 1
        return Edit(at, at, ", ".join(added))
    last = _end(node.value[-1][1])
    if node.flow_style:
        return Edit(last, last, "".join(f", {entry}" for entry in added))
    line_end = text.find("\n", last)
    at = len(text) if line_end < 0 else line_end
    return Edit(at, at, "".join(f"\n{' ' * node.start_mark.column}{entry}" for entry in added))


def _end(node: yaml.Node) -> int:
    """Where a value ends; that of a block also spans the comments behind it, so its last value is asked."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        node = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
    return int(node.end_mark.index)
