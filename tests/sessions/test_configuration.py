from pathlib import Path

import pytest

from ml.errors import BadInput
from ml.search.space import outside, searched_otherwise, searched_parameters
from ml.sessions.configuration import SessionsConfiguration

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "sessions"


@pytest.mark.parametrize("name", ["default", "diginetica", "rsc15"])
def test_the_parameter_files_of_the_project_are_valid(name):
    configuration = SessionsConfiguration.load(name, FOLDER)
    assert all(choice.typed() for choice in configuration.models.values())


@pytest.mark.parametrize("name", ["default", "diginetica", "rsc15"])
def test_a_search_can_begin_with_every_model_of_the_projects_files(name):
    for choice in SessionsConfiguration.load(name, FOLDER).models.values():
        kind = searched_otherwise(choice.kinds[choice.model].Parameters, choice.ranges.get(choice.model, {}))
        assert searched_parameters(kind)
        assert outside(kind, choice.typed().model_dump()) is None


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(BadInput, match="diginetica"):
        SessionsConfiguration.load("nowhere", FOLDER)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models: {a: {model: oracle}}", "oracle"),
        ("models: {a: {model: session_knn, parameters: {neighbours: 0}}}", "models.a"),
        ("models: {a: {model: session_knn, parameters: {neighbors: 5}}}", "neighbors"),
        ("models: {}", "models"),
        ("models: [", "YAML"),
        ("longest: 1\nmodels: {a: {model: popularity}}", "longest"),
        ("models: {a: {model: popularity}}\nrecommender: {sources: [b]}", "b, which is no model"),
        ("models: {recommender: {model: popularity}}", "another"),
    ],
)
def test_a_bad_file_is_refused_with_its_field(tmp_path, text, said):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(BadInput) as refused:
        SessionsConfiguration.load(str(path), FOLDER)
    assert said in str(refused.value)
    assert "mine.yaml" in str(refused.value)
