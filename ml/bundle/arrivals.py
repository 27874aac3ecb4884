"""An open bundle with items that came after it was sealed, found by what they read like until the next training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
import pandas as pd

from ml.bundle.arrived_items import Arrived, longer_facts, longer_frame, longer_shelf, longer_snapshot
from ml.bundle.bundle import Bundle, Recommended
from ml.bundle.padded import Padded, without_items
from ml.bundle.policy import Policy
from ml.data.new_items import NewItem, merged
from ml.data.requests import Requests
from ml.data.vocabulary import Vocabulary
from ml.errors import RunFailed
from ml.ranking.recommender import Recommender
from ml.reranking.eligibility import ItemsSeen
from ml.retrieval.content import Content, documents
from ml.retrieval.contract import Ranking, Retriever, top_k


@dataclass(frozen=True)
class ExtendedBundle(Bundle):
    """A sealed bundle and what was told of items since: new ones have the numbers after the sealed ones."""

    sealed: Bundle
    told: Mapping[str, NewItem]  # by item_id, in the order in which each was first told of

    @cached_property
    def policy(self) -> Policy:
        """The sealed rules and re-ranking, reading the items as they are now."""
        sealed = self.sealed.policy
        arrived = Arrived.of(self.sealed.items, self.told)
        shelf = longer_shelf(sealed.reranker.catalogue, self.catalogue, self.item_facts, arrived)
        items = ItemsSeen.of(self.catalogue, self.item_facts)
        return Policy(sealed.eligibility, items, replace(sealed.reranker, catalogue=shelf))

    def nearest(self, retriever: str, requests: Requests, k: int) -> Ranking | None:
        """As the sealed bundle, which knows no later item."""
        return self.sealed.nearest(retriever, without_items(requests, len(self.sealed.items)), k)

    def similar(self, item_id: str, k: int) -> list[Recommended]:
        """The K items closest to one: of a sealed item as sealed, of a later one by what both read like.

        Raises:
            BadInput: The item is unknown.
            RunFailed: It came later, and the bundle has no content model; or the bundle has no vectors at all.
        """
        item = int(self.items.encode([item_id])[0])
        if item < len(self.sealed.items):
            return self.sealed.similar(item_id, k)
        model: Any = self.recommender.retrievers.get(Content.name)
        if not isinstance(model, Content):
            raise RunFailed(
                f"{item_id!r} came after the bundle was sealed, and the bundle has no content model to find items like "
                "it: train with content among the models"
            )
        score = (model.item_vectors @ model.item_vectors[item])[None]
        score[0, ~model.item_vectors.any(axis=1)] = -np.inf
        score[0, item] = -np.inf
        found = top_k(score, k)
        return [
            Recommended(str(self.items.ids[at]), self.names[at], float(value), (Content.name,))
            for at, value in zip(found.item[0], found.score[0], strict=True)
            if at >= 0
        ]


def extended(bundle: Bundle, items: Sequence[NewItem]) -> Bundle:
    """The bundle with these items: new ones at the end of the item axis, known ones as they are told now.

    What is not told of a known item stays. A new one is found by the content retriever alone, which does not know
    anybody who took it; rules judge it like any other, and where its category is not declared, by those of every
    category. Bundles that were extended before may be extended again; the same puts give the same bundle.

    Raises:
        RunFailed: An item is new, and the content model was saved without its text encoder.
    """
    sealed, before = (bundle.sealed, bundle.told) if isinstance(bundle, ExtendedBundle) else (bundle, {})
    told = merged([*before.values(), *items])
    if told == before:
        return bundle
    arrived = Arrived.of(sealed.items, told)
    catalogue = longer_frame(sealed.catalogue, arrived)
    facts = longer_facts(sealed.item_facts, arrived)
    parts = {each.name: getattr(sealed, each.name) for each in fields(Bundle)} | {
        "recommender": _longer(sealed.recommender, catalogue.iloc[arrived.known :]),
        "snapshot": longer_snapshot(sealed.snapshot, sealed.categories, catalogue, facts, arrived),
        "log": sealed.log.with_items(len(catalogue)),
        "items": Vocabulary(catalogue["item_id"].to_numpy(object)) if arrived.new else sealed.items,
        "catalogue": catalogue,
        "item_facts": facts,
    }
    return ExtendedBundle(**parts, sealed=sealed, told=told)


def _longer(recommender: Recommender, new: pd.DataFrame) -> Recommender:
    """Every retriever over the catalogue with the new items, of which only content knows anything."""
    if new.empty:
        return recommender
    known, longer = int(new.index[0]), dict(recommender.retrievers)
    for name, model in recommender.retrievers.items():
        found: Any = model
        if isinstance(found, Content):
            found = found.with_items(found.embed(documents(_words(new))))
        else:
            found = Padded(model, known, len(new))
        longer[name] = cast(Retriever, found)
    return replace(recommender, retrievers=longer)


def _words(new: pd.DataFrame) -> pd.DataFrame:
    told = new.reindex(columns=["text", "category_path", "brand"]).astype(object)
    return told.where(told.notna(), None)
