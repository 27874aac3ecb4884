"""One sealed bundle of the planted shop for all tests that only read it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import shop

from ml.bundle.bundle import Bundle, open_bundle
from ml.bundle.seal import Sealed, seal
from ml.retrieval import RETRIEVERS


@pytest.fixture(scope="session", autouse=True)
def planted_retriever() -> Iterator[None]:
    RETRIEVERS["planted"] = "shop:Planted"
    yield
    del RETRIEVERS["planted"]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def parts(home: Path) -> Sealed:
    path = shop.make_features(home / "features")
    with shop.declaring():
        return Sealed(shop.train(path), *shop.open_store(path))


@pytest.fixture(scope="session")
def bundle(home: Path, parts: Sealed) -> Bundle:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", str(home))
        path = seal(parts, shop.lineage("features"), seed=0)
    return open_bundle(path)
