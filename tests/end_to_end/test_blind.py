"""No model of a whole bank's recommender, whichever retrievers it has, scores credit by protected facts."""

import numpy as np
import pytest
from blind_models import assert_blind, scores

from ml.data.windows import to_micros
from ml.domains import get_domain
from ml.evaluation.fairness.inputs import inputs_by_model
from ml.evaluation.fairness.treatment import everybody, guarded_items
from ml.retrieval.contract import State
from ml.steps.training import Training, recommender_of
from ml.steps.workbench import open_workbench

ASKED = 100  # users


@pytest.mark.slow
def test_every_model_of_the_bank_is_blind_to_protected_facts(banking: Training) -> None:
    bench = open_workbench(banking["features"], banking["seed"])
    moment = to_micros(bench.dataset.windows.t3)
    model = recommender_of(banking).refresh(State(bench.known.before(moment), moment))
    requests, snapshot = everybody(bench.dataset, moment, ASKED, 0), bench.features.at(moment)
    assert_blind(model, requests, snapshot, bench.dataset)
    assert_all_say_something(model, requests, snapshot, guarded_items(bench.dataset))


def assert_all_say_something(model, requests, snapshot, items) -> None:
    """A model that says nothing, or the same of everybody and everything, would be blind without any proof."""
    declared = get_domain("banking")
    assert set(model.names) == set(declared.quotas)
    read = inputs_by_model(model, items)
    for name, found in scores(model, requests, snapshot, items).items():
        assert np.isfinite(found).any(), name
        assert len(np.unique(found[np.isfinite(found)])) > 1, name
    assert {"income", "credit_utilisation"} <= set(read["classifiers"]) & set(read["attribute_towers"])
    assert not set(declared.protected_facts) & {name for names in read.values() for name in names}
