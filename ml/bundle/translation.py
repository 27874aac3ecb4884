"""A sealed bundle judged on data that is newer than it: its numbers for users and items are not the data's.

What the bundle has never heard of stays unknown to it, as it would be in service: it can neither recommend a new item
nor count an event with it. New users are known by their histories alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ml.bundle.bundle import Bundle
from ml.data.arrays import Indices, Ints, Ragged
from ml.data.dataset import Dataset, Log
from ml.data.holdings import Spans
from ml.data.requests import History, Requests
from ml.data.vocabulary import Vocabulary
from ml.errors import RunFailed
from ml.evaluation.protocol import Kind, Mode, Rankable
from ml.features.store import FeatureStore, Snapshot
from ml.retrieval.contract import Ranking, State


@dataclass(frozen=True)
class Translation:
    """From the numbers of a data set to those of a bundle, and back."""

    users: Vocabulary  # the bundle's, then those that only the data set has
    items: Vocabulary  # the bundle's
    places: Vocabulary  # the bundle's, then those that only the data set has
    user: Indices  # (users of the data set,) their numbers in `users`
    item: Indices  # (items of the data set,) their numbers in `items`; -1: unknown to the bundle
    place: Indices  # (places of the data set,) their numbers in `places`
    back: Indices  # (items of the bundle,) their numbers in the data set; -1: gone from it

    @classmethod
    def between(cls, bundle: Bundle, dataset: Dataset) -> "Translation":
        """The translation from a data set to a bundle."""
        users, places = _extended(bundle.users, dataset.users), _extended(bundle.places, dataset.places)
        return cls(
            users, bundle.items, places, users.encode(dataset.users.ids), bundle.items.encode(dataset.items.ids),
            places.encode(dataset.places.ids), dataset.items.encode(bundle.items.ids),
        )  # fmt: skip

    def log(self, log: Log) -> Log:
        """The events with items that the bundle knows, in its numbers and in its users' order."""
        known = log.where(self.item[log.item] >= 0)
        user = self.user[known.user]
        numbered = replace(
            known, user=user, item=self.item[known.item], place=_mapped(self.place, known.place),
            users=len(self.users), items=len(self.items),
        )  # fmt: skip
        return numbered.where(np.argsort(user, kind="stable"))

    def requests(self, requests: Requests) -> Requests:
        """The same requests in the bundle's numbers."""
        session = _kept(requests.session, self.item)
        return Requests(
            _mapped(self.user, requests.user), requests.moment, _mapped(self.place, requests.place),
            self._history(requests.history), session, requests.facts,
            requests.held and _kept(requests.held, self.item), requests.barred and _kept(requests.barred, self.item),
            requests.spans and self._spans(requests.spans),
        )  # fmt: skip

    def ranking(self, ranking: Ranking) -> Ranking:
        """A bundle's ranking in the data set's numbers; an item that is gone from it keeps its place, as -1."""
        return Ranking(_mapped(self.back, ranking.item), ranking.score)

    def _history(self, history: History) -> History:
        numbered = replace(history, item=self.item[history.item])
        known = numbered.item >= 0
        return numbered.pick(_offsets(history.rows[known], len(history)), known)

    def _spans(self, spans: Spans) -> Spans:
        numbered = replace(spans, item=self.item[spans.item])
        known = numbered.item >= 0
        return numbered.pick(_offsets(spans.rows[known], len(spans)), known)


class View:
    """A data set as one bundle sees it; what was translated last is kept, since several models ask for it in turn."""

    def __init__(self, bundle: Bundle, dataset: Dataset) -> None:
        """Of a bundle, on a data set of its domain."""
        self.bundle, self.dataset = bundle, dataset
        self.translation = Translation.between(bundle, dataset)
        self._latest: State | None = None
        self._snapshot: Snapshot | None = None

    @cached_property
    def features(self) -> FeatureStore:
        """The data set's features under the bundle's names and numbers."""
        there, wanted = FeatureStore.of(self.dataset).features, self.bundle.features
        for mart, names in wanted.items():
            if missing := sorted(set(names) - set(there.get(mart, ()))):
                raise RunFailed(
                    f"the bundle of {self.bundle.manifest['as_of']} was trained with features of {mart} that the marts "
                    f"no longer have: {', '.join(missing)}. Declare them again, or promote by hand with a reason"
                )
        return FeatureStore(
            self.dataset.path, self.translation.users, self.translation.items, self.translation.places,
            self.bundle.categories, self.bundle.snapshot.category, wanted, self.bundle.item_facts,
        )  # fmt: skip

    def of(self, state: State) -> State:
        """What the bundle's models may know at the state's instant, in their numbers."""
        if self._latest is None or self._latest.as_of != state.as_of:
            translated = self.translation
            dataset = replace(
                state.dataset, users=translated.users, items=translated.items, places=translated.places,
                log=translated.log(state.dataset.log), catalogue=self.bundle.catalogue,
            )  # fmt: skip
            self._latest = State(dataset, state.as_of)
        return self._latest

    def snapshot(self, as_of: int) -> Snapshot:
        """The data set's features as of an instant, in the bundle's numbers."""
        if self._snapshot is None or self._snapshot.as_of != as_of:
            self._snapshot = self.features.at(as_of)
        return self._snapshot


@dataclass(frozen=True)
class TranslatedModel:
    """A model of a bundle as evaluation judges it, on a data set with other numbers."""

    model: Rankable
    view: View

    @property
    def name(self) -> str:
        """The model's own."""
        return self.model.name

    @property
    def kind(self) -> Kind:
        """The model's own."""
        return self.model.kind

    def refresh(self, state: State) -> "TranslatedModel":
        """The same model with its counters as of the state's instant."""
        return replace(self, model=self.model.refresh(self.view.of(state)))

    def rank(self, requests: Requests, snapshot: Snapshot, k: int, modes: Sequence[Mode]) -> dict[Mode, Ranking]:
        """The K best items of each request, once a mode, in the data set's numbers."""
        own = self.view.translation.requests(requests)
        found = self.model.rank(own, self.view.snapshot(snapshot.as_of), k, modes)
        return {mode: self.view.translation.ranking(ranking) for mode, ranking in found.items()}


def judged_on(dataset: Dataset, bundle: Bundle, models: Sequence[Rankable]) -> list[Rankable]:
    """A bundle's models, ready to be judged on a data set, which may be newer than the bundle."""
    if _same_numbers(bundle, dataset):
        return list(models)
    view = View(bundle, dataset)
    return [TranslatedModel(model, view) for model in models]


def _same_numbers(bundle: Bundle, dataset: Dataset) -> bool:
    """Whether a number means the same to both; so it is where the bundle was trained on this very data set."""
    names = ("users", "items", "places")
    same = all(np.array_equal(getattr(bundle, name).ids, getattr(dataset, name).ids) for name in names)
    store = FeatureStore.of(dataset)
    return same and store.features == bundle.features and np.array_equal(store.categories.ids, bundle.categories.ids)


def _extended(own: Vocabulary, other: Vocabulary) -> Vocabulary:
    """The identifiers of `own` at their numbers, followed by those that only `other` has."""
    new = other.ids[own.encode(other.ids) < 0]
    return Vocabulary(np.concatenate([own.ids, new])) if len(new) else own


def _mapped(numbers: Indices, at: Indices) -> Indices:
    """`numbers[at]`, where -1 stays -1."""
    if not len(numbers):
        return np.full_like(at, -1)
    return np.where(at < 0, np.int32(-1), numbers[np.maximum(at, 0)])


def _kept(ragged: Ragged, numbers: Indices) -> Ragged:
    """The values that have a number, in their numbers."""
    value = numbers[ragged.values]
    known = value >= 0
    return Ragged(_offsets(ragged.rows[known], len(ragged)), value[known])


def _offsets(rows: Ints, count: int) -> Ints:
    return np.searchsorted(rows, np.arange(count + 1)).astype(np.int64)
