"""The music service, declared and laid out for the tests of a module."""

from collections.abc import Iterator
from pathlib import Path

import checkout
import listening
import pytest
from music import MUSIC

from ml.domains import DOMAINS


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A SLATE_HOME of the module's own, where the domain is declared."""
    folder = tmp_path_factory.mktemp("music")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", str(folder / "home"))
        patch.setenv("SLATE_PROJECT", str(checkout.lay(folder / "checkout")))
        patch.setitem(DOMAINS, MUSIC.name, MUSIC)
        yield folder / "home"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the service exports."""
    folder = tmp_path_factory.mktemp("exported") / "listening"
    listening.export(folder)
    return folder
