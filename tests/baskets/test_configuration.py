from pathlib import Path

import pytest

from ml.baskets.configuration import MODELS, BasketsConfiguration
from ml.errors import BadInput
from ml.search.space import outside, searched_otherwise, searched_parameters

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "baskets"


@pytest.mark.parametrize("name", ["default", "tafeng"])
def test_the_parameter_files_of_the_project_are_valid(name):
    configuration = BasketsConfiguration.load(name, FOLDER)
    assert configuration.recommender is not None
    assert {choice.model for choice in configuration.models.values()} == set(MODELS)


@pytest.mark.parametrize("name", ["default", "tafeng"])
def test_a_search_can_begin_with_every_model_of_the_projects_files(name):
    for choice in BasketsConfiguration.load(name, FOLDER).models.values():
        kind = searched_otherwise(choice.kinds[choice.model].Parameters, choice.ranges.get(choice.model, {}))
        assert searched_parameters(kind)
        assert outside(kind, choice.typed().model_dump()) is None


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(BadInput, match="tafeng"):
        BasketsConfiguration.load("nowhere", FOLDER)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models: {a: {model: oracle}}", "oracle"),
        ("models: {a: {model: tifu_knn, parameters: {neighbours: 0}}}", "models.a"),
        ("models: {a: {model: tifu_knn, parameters: {neighbors: 5}}}", "neighbors"),
        ("models: {}", "models"),
        ("models: [", "YAML"),
        ("models: {a: {model: popularity}}\nrecommender: {sources: [b]}", "b, which is no model"),
        ("models: {recommender: {model: popularity}}", "another"),
    ],
)
def test_a_bad_file_is_refused_with_its_field(tmp_path, text, said):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(BadInput) as refused:
        BasketsConfiguration.load(str(path), FOLDER)
    assert said in str(refused.value)
    assert "mine.yaml" in str(refused.value)
