"""A retriever as MLflow asks it: item identifiers in, item identifiers out."""

from pathlib import Path

import pandas as pd
import pytest
from planted_shop import NOW, SIZE, planted, training

from ml.bundle.served_retriever import ServedRetriever, open_retriever, write_retriever
from ml.retrieval import get_retriever


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ServedRetriever]:
    folder, dataset = tmp_path_factory.mktemp("served"), planted()
    kind = get_retriever("item_to_item")
    kind.fit(training(dataset), kind.Parameters()).save(folder / "fitted")
    return folder, write_retriever(folder / "fitted", folder / "logged", "item_to_item", dataset.items, NOW)


def test_it_finds_what_goes_with_a_session(served: tuple[Path, ServedRetriever]) -> None:
    _, model = served
    theme = [str(item) for item in model.items.ids[:SIZE]]
    found = model.predict(pd.DataFrame({"item_ids": [theme[:2]]}))
    assert found["position"].tolist() == list(range(1, len(found) + 1))
    assert set(found["item_id"][: SIZE - 2]) <= set(theme)
    assert found["score"].is_monotonic_decreasing


def test_sessions_unheard_of_and_empty_ones_get_no_row(served: tuple[Path, ServedRetriever]) -> None:
    _, model = served
    known = str(model.items.ids[0])
    found = model.predict(pd.DataFrame({"item_ids": [["nobody knows it", "Ünbekannt"], [], [known]]}))
    assert set(found["session"]) == {2}


def test_it_opens_from_its_folder_alone_and_its_example_is_valid(served: tuple[Path, ServedRetriever]) -> None:
    folder, model = served
    example = model.example(2)
    assert len(example) == 2
    pd.testing.assert_frame_equal(open_retriever(folder / "logged").predict(example), model.predict(example))
