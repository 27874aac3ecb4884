"""A sealed bundle judged on newer data: same answers where it knows all, honest ones where it does not."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import shop

from ml.bundle.translation import TranslatedModel, Translation, View, judged_on
from ml.data.dataset import cases_in, user_cases
from ml.data.windows import to_micros
from ml.errors import RunFailed
from ml.evaluation.protocol import RecommenderModel
from ml.retrieval.contract import State


@pytest.fixture(scope="module")
def newer(home):
    """One week on: three new users and two new items, whose identifiers do not all sort last."""
    folder = shop.make_features(
        home / "newer", shop.AS_OF + timedelta(weeks=1), users=shop.USERS + 3, items=shop.ITEMS + 2
    )
    return shop.open_store(folder)


def asked(dataset, store, models, moment):
    """What each model answers to the cases of the cadence that begins at a moment."""
    cases = user_cases(dataset.log, to_micros(moment), to_micros(moment + timedelta(weeks=1)))
    state = State(dataset.before(to_micros(moment)), to_micros(moment))
    refreshed = [model.refresh(state) for model in models]
    return cases, [model.rank(cases.requests, store.at(state.as_of), 10, ["all"])["all"] for model in refreshed]


def test_on_its_own_data_nothing_is_translated_and_translating_changes_nothing(bundle, parts):
    model = RecommenderModel(bundle.recommender)
    assert judged_on(parts.dataset, bundle, [model]) == [model]
    translated = TranslatedModel(model, View(bundle, parts.dataset))
    _, (plain, same) = asked(parts.dataset, parts.features, [model, translated], parts.dataset.windows.t3)
    assert np.array_equal(plain.item, same.item)
    assert np.array_equal(plain.score, same.score)


def test_on_newer_data_a_known_past_gets_the_answers_that_the_bundle_gave(bundle, parts, home):
    later, items = shop.AS_OF + timedelta(weeks=1), shop.ITEMS + 2  # the new items sell only after the old end
    dataset, store = shop.open_store(shop.make_features(home / "more_items", later, items=items))
    model = RecommenderModel(bundle.recommender)
    (translated,) = judged_on(dataset, bundle, [model])
    assert isinstance(translated, TranslatedModel)
    moment = dataset.windows.t3 - timedelta(weeks=1)
    _, (there,) = asked(dataset, store, [translated], moment)
    _, (here,) = asked(parts.dataset, parts.features, [model], moment)
    assert dataset.items.ids[there.item].tolist() == parts.dataset.items.ids[here.item].tolist()
    assert np.array_equal(there.score, here.score)


def test_new_users_keep_their_histories_and_new_items_drop_out(bundle, newer):
    dataset, _ = newer
    translation = Translation.between(bundle, dataset)
    assert translation.users.ids[: len(bundle.users)].tolist() == bundle.users.ids.tolist()
    log = translation.log(dataset.log)
    assert (np.diff(log.user) >= 0).all()
    assert all((np.diff(log.at[log.user == user]) >= 0).all() for user in range(log.users))
    new = [item for item in dataset.items.ids if item not in set(bundle.items.ids)]
    assert len(log) == len(dataset.log) - np.isin(dataset.items.ids[dataset.log.item], new).sum()
    cases = cases_in(dataset, dataset.windows.t3, dataset.windows.as_of)[-1]
    asked = translation.requests(cases.requests)
    for row in range(len(asked)):
        before = [item for item in dataset.items.ids[cases.requests.history.items[row]] if item not in new]
        assert bundle.items.ids[asked.history.items[row]].tolist() == before
    assert (asked.user >= 0).all()


def test_an_unknown_number_stays_unknown(bundle, newer):
    dataset, _ = newer
    cases = cases_in(dataset, dataset.windows.t3, dataset.windows.as_of)[0]
    unknown = replace(cases.requests, user=np.full_like(cases.requests.user, -1))
    assert (Translation.between(bundle, dataset).requests(unknown).user == -1).all()


def test_a_feature_that_the_marts_no_longer_have_is_named(bundle, newer, monkeypatch):
    dataset, store = newer
    monkeypatch.setattr(type(bundle), "features", store.features | {"user_features": ("purchases", "visits")})
    with pytest.raises(RunFailed, match=r"user_features that the marts no longer have: visits"):
        View(bundle, dataset).features  # noqa: B018 - reading it is what fails
