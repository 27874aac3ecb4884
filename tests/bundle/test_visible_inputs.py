"""A sealed bundle tells its models what they were trained to see, and its rules all that is known."""

from dataclasses import replace

import numpy as np
import pytest
import shop

from ml.bundle.bundle import open_bundle
from ml.bundle.seal import Sealed, seal
from ml.data.visibility import Visibility

EVERYBODY = np.arange(shop.USERS, dtype=np.int32)


def sealed(home, parts, inputs):
    """The shop, whose purchases are known offline, sealed with models of these inputs."""
    domain = parts.dataset.domain.model_copy(update={"online_events": ("view", "add_to_basket")})
    visible = Visibility.of(domain, inputs)
    recommender = replace(parts.recommender, visible=visible)
    features = parts.features.limited(visible)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", str(home))
        return open_bundle(seal(Sealed(recommender, parts.dataset, features), shop.lineage(inputs), seed=0))


@pytest.mark.parametrize(("inputs", "answered"), [("online", False), ("offline", True), ("both", True)])
def test_what_the_models_are_told_is_sealed(home, parts, inputs, answered):
    bundle = sealed(home, parts, inputs)
    assert (bundle.manifest["model_inputs"], bundle.visible.inputs) == (inputs, inputs)
    requests = bundle.requests(EVERYBODY)
    found = bundle.recommender.retrieve(requests)["planted"]
    assert (found.item >= 0).any() == answered
    assert len(requests.history.item)  # rules and packages go on reading it


def test_features_that_tell_of_what_is_not_seen_are_not_sealed(home, parts):
    assert sealed(home, parts, "online").snapshot.user_names == ()
    assert sealed(home, parts, "offline").snapshot.user_names == ("purchases",)


def test_offline_a_visit_changes_no_slate(home, parts):
    bundle = sealed(home, parts, "offline")
    requests = bundle.requests(EVERYBODY)
    session = replace(requests.session, offsets=np.arange(len(EVERYBODY) + 1), values=EVERYBODY % shop.ITEMS)
    slates = [
        bundle.recommender.recommend(asked, bundle.snapshot, 10) for asked in (requests, requests.with_session(session))
    ]
    assert np.array_equal(slates[0].item, slates[1].item)
    assert np.array_equal(slates[0].score, slates[1].score)
