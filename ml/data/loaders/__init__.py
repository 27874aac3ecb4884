"""Loaders land a source's raw files; each is registered here by the name that a domain declares."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ml.data.landing_writer import LandingWriter
from ml.data.loaders import complete_journey, santander
from ml.domains import Source
from ml.errors import BadInput

Stage = Callable[[LandingWriter], object]


@dataclass(frozen=True)
class Loader:
    """A source that lands without a mapping file.

    Attributes:
        open: Takes the folder of the source's files, if one was given, and yields what stages every partition of
            the source, with what its files lack or change about their domain; raises `BadInput` where a folder is
            needed or cannot be used.
        needs_folder: Whether the files lie in a folder that must be given.
    """

    name: str
    open: Callable[[Path | None], tuple[Stage, Source]]
    needs_folder: bool


def from_package(source: Source, stage: Stage) -> Loader:
    """A source whose files an installed package carries."""

    def open_package(folder: Path | None) -> tuple[Stage, Source]:
        if folder is not None:
            raise BadInput(f"{source.name} brings its own files: leave the data folder out, or give --mapping too")
        return stage, source

    return Loader(source.name, open_package, needs_folder=False)


def from_folder(name: str, source: Callable[[Path], Source], stage: Callable[[LandingWriter, Path], object]) -> Loader:
    """A source whose files lie in a folder that whoever lands it names."""

    def open_folder(folder: Path | None) -> tuple[Stage, Source]:
        if folder is None:
            raise BadInput(f"{name} needs the folder of its files: give --data-folder")
        if not folder.is_dir():
            raise BadInput(f"{folder}: is no folder. Give --data-folder, the one that holds {name}'s files")
        return lambda writer: stage(writer, folder), source(folder)

    return Loader(name, open_folder, needs_folder=True)


LOADERS = {
    loader.name: loader
    for loader in (
        from_package(complete_journey.SOURCE, complete_journey.stage),
        from_folder(santander.NAME, santander.source, santander.stage),
    )
}


def get_loader(name: str) -> Loader:
    """The loader of this name; raises `BadInput` for any other."""
    if name not in LOADERS:
        raise BadInput(
            f"there is no loader {name!r}; there are: {', '.join(sorted(LOADERS))}. "
            "Other data lands through a mapping file: slate land --mapping mapping.yaml"
        )
    return LOADERS[name]
