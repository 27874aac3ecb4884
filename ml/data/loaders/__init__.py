"""Loaders land a source's raw files; each is registered here by the name that a domain declares."""

from collections.abc import Callable
from dataclasses import dataclass

from ml.data.landing_writer import LandingWriter
from ml.data.loaders import complete_journey
from ml.domains import Source
from ml.errors import BadInput


@dataclass(frozen=True)
class Loader:
    """A source that lands without a mapping file.

    Attributes:
        stage: Stages every partition of the source.
        source: What the source lacks or changes about its domain.
    """

    stage: Callable[[LandingWriter], None]
    source: Source


LOADERS = {complete_journey.SOURCE.name: Loader(complete_journey.stage, complete_journey.SOURCE)}


def get_loader(name: str) -> Loader:
    """The loader of this name; raises `BadInput` for any other."""
    if name not in LOADERS:
        raise BadInput(
            f"there is no loader {name!r}; there are: {', '.join(sorted(LOADERS))}. "
            "Other data lands through a mapping file: slate land --mapping mapping.yaml"
        )
    return LOADERS[name]
