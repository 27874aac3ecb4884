import pytest
import yaml

from ml.errors import BadInput
from ml.steps.parameter_edits import with_parameters, write_parameters

FILE = """# Chosen by hand.
models:
  popular: {model: popularity}  # everybody's

  rules: {model: rules, parameters: {kind: item_knn, last: 3}}
  knn:
    model: session_knn
    parameters:
      # as in the paper
      neighbours: 100  # of them
      position_decay: "linear"
      half_life: 0.58  # a share

  # the next one is empty
  bare:
    model: rules
  nothing: {model: rules, parameters: {}}
recommender: {quota: 10}
"""


def test_known_values_are_replaced_in_their_place_and_others_come_behind():
    changed = with_parameters(
        FILE, "knn", {"half_life": 0, "neighbours": 700, "position_decay": "none", "behind": 0.25}
    )
    assert changed == (
        FILE.replace("100  # of", "700  # of")
        .replace('"linear"', "none")
        .replace("0.58  # a share", "0  # a share\n      behind: 0.25")
    )


@pytest.mark.parametrize(
    ("model", "old", "new"),
    [
        ("rules", "last: 3}}", "last: 5, reach: 1.0e-05}}"),
        ("popular", "popularity}", "popularity, parameters: {last: 5, reach: 1.0e-05}}"),
        ("bare", "bare:\n    model: rules", "bare:\n    model: rules\n    parameters: {last: 5, reach: 1.0e-05}"),
        ("nothing", "parameters: {}", "parameters: {last: 5, reach: 1.0e-05}"),
    ],
)
def test_every_layout_keeps_the_rest_of_the_file(model, old, new):
    assert FILE.count(old) == 1
    assert with_parameters(FILE, model, {"last": 5, "reach": 1e-5}) == FILE.replace(old, new)


def test_the_file_is_written_with_its_line_ends_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(FILE.replace("\n", "\r\n").encode())
    write_parameters(path, "rules", {"last": 7})
    assert path.read_bytes() == FILE.replace("last: 3", "last: 7").replace("\n", "\r\n").encode()
    assert list(tmp_path.iterdir()) == [path]


def test_parameters_that_other_models_share_are_not_touched(tmp_path):
    path = tmp_path / "mine.yaml"
    text = "models:\n  a: {model: rules, parameters: &shared {last: 3}}\n  b: {model: rules, parameters: *shared}\n"
    path.write_text(text)
    for model in ("a", "b"):
        with pytest.raises(BadInput, match=rf"models.{model}.*yourself: {{last: 5}}"):
            write_parameters(path, model, {"last": 5})
    assert path.read_text() == text


def test_every_value_comes_back_as_it_was():
    values = {"last": 3, "last_steps": 0.1 + 0.2, "shrinkage": 1e6, "last_decay": "linear", "reach": True}
    assert yaml.safe_load(with_parameters(FILE, "bare", values))["models"]["bare"]["parameters"] == values
