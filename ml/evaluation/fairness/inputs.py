"""What the models of a recommender read when they score guarded items: by name, and as a matrix."""

import re
from collections.abc import Iterable, Mapping

import numpy as np

from ml.data.arrays import Bools, Floats, Indices, Ints
from ml.data.requests import Requests
from ml.domains import Domain
from ml.features.declarations import load_declarations
from ml.features.store import Snapshot
from ml.ranking.candidates import merge
from ml.ranking.frame import build_frame
from ml.ranking.recommender import Recommender, chunks
from ml.retrieval.contract import inputs_of

RANKER = "ranker"
HISTORY_ITEMS = 100  # most frequent items whose counts in a history stand for what retrievers read of it


def inputs_by_model(recommender: Recommender, items: Indices) -> dict[str, tuple[str, ...]]:
    """Each retriever and the ranker: the names of all that it reads to score these items."""
    read = {
        name: tuple(dict.fromkeys(each for item in items.tolist() for each in inputs_of(model, item)))
        for name, model in recommender.retrievers.items()
    }
    return read | {RANKER: recommender.ranker.features}


def is_encoding_of(name: str, fact: str) -> bool:
    """Whether an input's name says that it is a fact, one of its values or an encoding of it.

    The fact's words must stand in the name side by side, in any case: `sex` is in `user_sex`, `sex=f`, `Sex is known`
    and `facts.sex_2`, and not in `sextile`.
    """
    words, wanted = _words(name), _words(fact)
    return any(words[at : at + len(wanted)] == wanted for at in range(len(words) - len(wanted) + 1))


def protected_inputs(read: Mapping[str, Iterable[str]], domain: Domain) -> dict[str, list[str]]:
    """The inputs among these that are a protected fact or an encoding of one, by model; models without are left out.

    Declared features are made from events, and facts of items are nobody's: `user_age_days`, since when somebody is a
    user, is not their `age`, nor is `item_fact_minimum_age`.
    """
    others = _not_of_people(domain)
    found = {
        model: [
            name for name in names
            if name not in others and any(is_encoding_of(name, fact) for fact in domain.protected_facts)
        ]
        for model, names in read.items()
    }  # fmt: skip
    return {model: names for model, names in found.items() if names}


def _not_of_people(domain: Domain) -> set[str]:
    """What the ranker calls the features that are made from events, and the facts of items."""
    declared = load_declarations()
    features = {f"{entity}_{name}" for entity in declared for name in declared[entity].published}
    return features | {f"item_fact_{name}" for name in domain.item_facts}


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[^0-9a-z]+", name.casefold()) if word]


def input_matrix(
    recommender: Recommender, requests: Requests, snapshot: Snapshot, guarded: Bools, facts: tuple[str, ...]
) -> Floats:
    """(R, F) what the models read of each request when they score guarded items; NaN: not known.

    What the ranker reads, retrievers' scores included, as the mean over the request's guarded candidates; what
    retrievers read of the history, as counts of the most frequent items; and the facts that they read.

    Args:
        recommender: Refreshed to the requests' moment.
        requests: Of one moment.
        snapshot: The features as of it.
        guarded: (items,) which items are.
        facts: The facts of users that some model reads for guarded items.
    """
    seen = recommender.visible.requests(requests)
    parts = [_described(recommender, seen.take(rows), snapshot, guarded) for rows in chunks(len(seen))]
    columns = [np.concatenate(parts), _counts(seen, _frequent(seen, len(guarded)))]
    if facts:
        columns.append(seen.facts.select(facts).values)
    return np.concatenate(columns, axis=1)


def _described(recommender: Recommender, requests: Requests, snapshot: Snapshot, guarded: Bools) -> Floats:
    """(R, F) what the ranker reads, as the mean over each request's guarded candidates."""
    found = recommender.retrieve(requests, exclude=requests.barred)
    candidates = merge(found, recommender.quotas, recommender.maximum)
    kept = candidates.where(guarded[candidates.item])
    frame = build_frame(requests, kept, snapshot)
    return _means(frame.select(recommender.ranker.features), kept.rows, len(requests))


def _means(values: Floats, row: Ints, rows: int) -> Floats:
    """(R, F) the mean of each request's known values; NaN where there is none."""
    known = np.isfinite(values)
    total, count = np.zeros((rows, values.shape[1])), np.zeros((rows, values.shape[1]))
    np.add.at(total, row, np.where(known, values, 0))
    np.add.at(count, row, known)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _frequent(requests: Requests, items: int) -> Indices:
    """The items that histories hold most often."""
    counts = np.bincount(requests.history.item, minlength=items)
    order = np.argsort(-counts, kind="stable")[:HISTORY_ITEMS]
    return order[counts[order] > 0].astype(np.int32)


def _counts(requests: Requests, items: Indices) -> Floats:
    """(R, len(items)) how often each item stands in a request's history."""
    column = np.full(int(max(items.max(initial=0), requests.history.item.max(initial=0))) + 1, -1)
    column[items] = np.arange(len(items))
    at = column[requests.history.item]
    found = np.zeros((len(requests), len(items)), np.float32)
    np.add.at(found, (requests.history.rows[at >= 0], at[at >= 0]), 1)
    return found
