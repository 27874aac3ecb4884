"""Parameters that were found for one source of data: a committed file a source, since sources differ.

`configs/training/<source>.yaml` holds, for each model by name, what differs from the model's own defaults.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from ml.domains.frozen import Frozen
from ml.errors import BadInput
from ml.parameter_file import read_parameters
from ml.settings import settings
from ml.steps.parameters import describe, kind_of


class TunedParameters(Frozen):
    """What a parameter file says."""

    models: dict[str, dict[str, Any]] = Field({}, description="Parameters by model: retrievers, and `ranker`.")


def tuned_parameters(source: str) -> dict[str, dict[str, Any]]:
    """What was found for a source of data, by model; nothing where there is no file.

    Raises:
        BadInput: names the file, the field and the remedy.
    """
    path = tuned_path(source)
    if not path.exists():
        return {}
    found = read_parameters(path, TunedParameters, "docs/search.md")
    for name, parameters in found.models.items():
        try:
            kind_of(name).model_validate(parameters)
        except ValidationError as error:
            raise BadInput(f"{path}, models.{name}: {describe(error)}: correct it, or remove it") from error
    return found.models


def write_tuned(source: str, model: str, parameters: Mapping[str, Any]) -> Path:
    """Keep what was found for one model of a source of data; what the file says of other models stays."""
    path = tuned_path(source)
    models = tuned_parameters(source) | {model: dict(parameters)}
    text = f"# Found by `slate search` on the validation window of {source}; see docs/search.md.\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_text(text + yaml.safe_dump({"models": models}, sort_keys=True), encoding="utf-8")
    beside.replace(path)
    return path


def tuned_path(source: str) -> Path:
    """Where the parameters of a source of data stand."""
    return settings().project / "configs" / "training" / f"{source}.yaml"
