"""A user's visit to an item's page, put into the history of an open bundle."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ml.bundle.bundle import Bundle
from ml.data.dataset import Log
from ml.domains import get_domain

DAY = 86_400_000_000
SECONDS = 180.0  # of reading


def after_visit(bundle: Bundle, user: int, item: int, kinds: Sequence[str]) -> Bundle:
    """The same bundle where the user did this with the item on the day before its instant."""
    weights = get_domain(bundle.manifest["domain"]).event_weights
    log = bundle.log
    for step, kind in enumerate(kinds):
        at = bundle.snapshot.as_of - DAY + step
        log = _with(log, user, item, at, list(weights).index(kind), weights[kind])
    return replace(bundle, log=log)


def _with(log: Log, user: int, item: int, at: int, kind: int, weight: float) -> Log:
    stop = log.offsets[user + 1]
    place = int(np.searchsorted(log.at[log.offsets[user] : stop], at, side="right")) + int(log.offsets[user])
    event = {
        "user": user, "item": item, "at": at, "session": int(log.session.max()) + 1, "place": -1, "weight": weight,
        "value": SECONDS, "target": False, "kind": kind,
    }  # fmt: skip
    return replace(log, **{name: np.insert(getattr(log, name), place, value) for name, value in event.items()})
