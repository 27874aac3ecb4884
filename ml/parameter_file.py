"""Parameter files: typed values that people write as YAML."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from ml.errors import BadInput

Typed = TypeVar("Typed", bound=BaseModel)


def named_file(name: str, folder: Path) -> Path:
    """`<folder>/<name>.yaml`, or the file that `name` is the path of; raises `BadInput` where there is none."""
    path = Path(name) if name.endswith((".yaml", ".yml")) else folder / f"{name}.yaml"
    if not path.exists():
        known = ", ".join(sorted(found.stem for found in folder.glob("*.yaml"))) or "none"
        raise BadInput(f"{path}: there is no such parameter file: name one of those in {folder} ({known}) or a path")
    return path


def read_parameters(path: Path, kind: type[Typed], manual: str) -> Typed:
    """The file as a value of a type.

    Args:
        path: A YAML file.
        kind: What it holds.
        manual: The page that a wrong value's error points to.

    Raises:
        BadInput: names the file, the field and the remedy.
    """
    try:
        return kind.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read as YAML ({error}): correct it") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the document"
        raise BadInput(f"{path}, {field}: {first['msg']}: correct it, see {manual}") from error
