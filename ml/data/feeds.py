"""Feeds: what re-ranking reads of items and users that the landed data lack, declared by source; no model reads it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ml.data.dataset import Dataset
from ml.data.generators import shop_feed
from ml.data.knowledge import Knowledge
from ml.data.occurrences import Occurrences
from ml.data.windows import to_micros
from ml.domains.reranking import LAUNCHED, MARGIN, STOCK
from ml.logs import get_logger
from ml.settings import settings

SHELF = (MARGIN, STOCK, LAUNCHED)
SEED = 7
log = get_logger(__name__)


@dataclass(frozen=True)
class Supplied:
    """What re-ranking reads beside the catalogue and the events."""

    shelf: pd.DataFrame  # margin, stock, launched_at; one row an item, in vocabulary order
    knowledge: Knowledge


def supplied(dataset: Dataset) -> Supplied:
    """What the landed data know, and what the feed of their source adds where they know nothing."""
    shelf = dataset.catalogue.reindex(columns=list(SHELF))
    name = dataset.domain.reranking.feeds.get(dataset.source.name)
    if name is None:
        return Supplied(shelf, dataset.knowledge)
    folder = settings().domain_path("raw", dataset.domain.name)
    items, events = FEEDS[name](folder, dataset)
    log.info("re-ranking reads the %s feed in %s", name, folder)
    fed = items.set_index("item_id").reindex(dataset.items.ids)[list(SHELF)]
    fed.index = shelf.index
    filled = shelf.astype(object).where(shelf.notna(), fed.astype(object))
    return Supplied(_typed(filled), _with_events(dataset, events))


def _typed(shelf: pd.DataFrame) -> pd.DataFrame:
    moments = pd.to_datetime(shelf[LAUNCHED], utc=True).astype("datetime64[us, UTC]")
    return shelf.assign(**{MARGIN: shelf[MARGIN].astype(float), STOCK: shelf[STOCK].astype(float), LAUNCHED: moments})


def _with_events(dataset: Dataset, events: pd.DataFrame) -> Knowledge:
    """The knowledge of a data set with the fed events before its as-of instant."""
    at = pd.to_datetime(events["occurred_at"], utc=True).astype("datetime64[us, UTC]").astype(np.int64).to_numpy()
    user, item = dataset.users.encode(events["user_id"]), dataset.items.encode(events["item_id"])
    known = at < to_micros(dataset.windows.as_of)
    told = dict(dataset.knowledge.occurrences)
    for kind in dataset.domain.reranking.event_types:
        there, landed = known & (events["event_type"] == kind).to_numpy(), told.get(kind, Occurrences.none())
        told[kind] = Occurrences.of_events(
            np.r_[landed.user, user[there]], np.r_[landed.item, item[there]], np.r_[landed.at, at[there]]
        )
    return replace(dataset.knowledge, occurrences=told)


def _synthetic_shop(folder: Path, dataset: Dataset) -> tuple[pd.DataFrame, pd.DataFrame]:
    shop_feed.make_shop_feed(folder, list(dataset.items.ids), list(dataset.users.ids), dataset.windows.as_of, SEED)
    return pd.read_parquet(folder / shop_feed.ITEMS), pd.read_parquet(folder / shop_feed.DECLINES)


# A feed: items with `SHELF` by item_id, and events with user_id, item_id, event_type and occurred_at (UTC).
FEEDS: dict[str, Callable[[Path, Dataset], tuple[pd.DataFrame, pd.DataFrame]]] = {"synthetic_shop": _synthetic_shop}
