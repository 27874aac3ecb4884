"""One trained recommender of the planted shop, sealed without rules and as a market with rules, for all that read it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import little_market
import pytest
import shop
from little_market import Opened

from ml.bundle.bundle import open_bundle
from ml.bundle.seal import Sealed, seal
from ml.data.dataset import Dataset
from ml.retrieval import RETRIEVERS


@pytest.fixture(scope="session", autouse=True)
def companions() -> Iterator[None]:
    RETRIEVERS["companions"] = "little_market:Companions"
    yield
    RETRIEVERS.pop("companions", None)  # another module may have put back what it found


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("market")


@pytest.fixture(scope="session")
def parts(home: Path) -> Sealed:
    path = shop.make_features(home / "features")
    with shop.declaring():
        return Sealed(shop.train(path, little_market.RETRIEVERS), *shop.open_store(path))


def sealed(home: Path, parts: Sealed, dataset: Dataset) -> Opened:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", str(home))
        path = seal(Sealed(parts.recommender, dataset, parts.features), shop.lineage("features"), seed=0)
    return Opened(dataset.domain, open_bundle(path))


@pytest.fixture(scope="session")
def plain(home: Path, parts: Sealed) -> Opened:
    """Without rules: slates are the ranker's order."""
    return sealed(home, parts, replace(parts.dataset, domain=little_market.plain_shop()))


@pytest.fixture(scope="session")
def market(home: Path, parts: Sealed) -> Opened:
    """With rules, pins, draws, and things that people keep."""
    return sealed(home, parts, little_market.with_rules(parts.dataset))
