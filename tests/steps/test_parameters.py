import pytest

from ml.domains import get_domain
from ml.errors import BadInput
from ml.steps.parameters import TrainingParameters, parse_parameters

RETAIL = get_domain("retail")


def test_what_is_left_out_keeps_each_models_own_default():
    chosen = parse_parameters({"models": None, "epochs": None})
    assert chosen.retrievers(RETAIL) == tuple(name for name in RETAIL.quotas if name not in RETAIL.on_request)
    assert chosen.of_retriever("als") == type(chosen.of_retriever("als"))()


def test_a_chosen_value_reaches_the_models_that_have_it():
    chosen = parse_parameters({"embedding_size": 12, "models": ["als", "popularity"]})
    assert chosen.of_retriever("als").embedding_size == 12
    assert not hasattr(chosen.of_retriever("popularity"), "embedding_size")
    assert chosen.retrievers(RETAIL) == tuple(name for name in RETAIL.quotas if name in ("als", "popularity"))


def test_the_neural_ranker_learns_as_the_neural_models_do_and_the_trees_as_ever():
    chosen = parse_parameters({"ranker": "best", "learning_rate": 0.5, "epochs": 3}).of_rankers()
    assert (chosen["dcn"].epochs, chosen["dcn"].learning_rate) == (3, 0.5)
    assert chosen["lambdamart"] == type(chosen["lambdamart"])()
    assert list(parse_parameters({}).of_rankers()) == ["lambdamart"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"epochs": 0}, "epochs"),
        ({"epochs": "many"}, "epochs"),
        ({"seed": -1}, "seed"),
        ({"loss": "hinge"}, "loss"),
        ({"ranker": "oracle"}, "ranker"),
        ({"epoch": 3}, "epoch"),
    ],
)
def test_a_wrong_value_is_bad_input_that_names_its_field(given, field):
    with pytest.raises(BadInput, match=field):
        parse_parameters(given)


def test_an_unknown_retriever_is_named_with_the_choices():
    with pytest.raises(BadInput, match=r"no crystal_ball; choose from .*popularity"):
        parse_parameters({"models": ["crystal_ball"]}).retrievers(RETAIL)


def test_every_field_explains_itself():
    assert all(field.description for field in TrainingParameters.model_fields.values())


def test_a_retriever_on_request_takes_part_where_it_is_chosen():
    assert "hrnn" in RETAIL.on_request
    assert parse_parameters({"models": ["popularity", "hrnn"]}).retrievers(RETAIL) == ("popularity", "hrnn")
