"""What a bundle has sealed: its data set, and who is known in it."""

from datetime import datetime

import numpy as np

from ml.bundle.bundle import Bundle
from ml.data.arrays import Indices
from ml.data.dataset import Dataset
from ml.data.windows import Windows
from ml.domains import Domain, Source
from ml.serving.online.contract import is_anonymous


def known_now(bundle: Bundle) -> Indices:
    """The users whose facts are known at the bundle's instant (everybody, where users have no facts)."""
    named = np.array([not is_anonymous(str(user)) for user in bundle.users.ids], bool)
    everybody = np.flatnonzero(named).astype(np.int32)
    facts = bundle.requests(everybody).facts
    if not facts.facts:
        return everybody
    return everybody[~np.isnan(facts.values).all(axis=1)]


def dataset_of(bundle: Bundle, declared: Domain) -> Dataset:
    """What was sealed, as models learn from it."""
    windows = Windows.of(datetime.fromisoformat(bundle.manifest["as_of"]), declared.protocol)
    return Dataset(
        bundle.path, declared, Source(name=declared.loader), windows, bundle.users, bundle.items, bundle.places,
        bundle.log, bundle.catalogue, bundle.knowledge, bundle.item_facts,
    )  # fmt: skip
