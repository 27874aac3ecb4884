"""Requests and items of a few facts, written by hand."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ml.data.arrays import Ragged
from ml.data.facts import FactTable
from ml.data.occurrences import Occurrences
from ml.data.requests import History, Requests
from ml.domains.facts import Fact
from ml.reranking.eligibility import ItemsSeen

DAY = 86_400_000_000
NOW = 17_000 * DAY
COUNTRIES = np.array(["ES", "FR"], object)
USER_FACTS = {
    "age": Fact(kind="number", description="In years."),
    "income": Fact(kind="number", description="Euros a year."),
    "instalment": Fact(kind="number", description="Euros a month."),
    "resident": Fact(kind="flag", description="Lives here."),
    "consent_email": Fact(kind="flag", description="Agreed to email."),
    "country": Fact(kind="category", description="Of residence."),
}
ITEM_FACTS = {
    "minimum_age": Fact(kind="number", description="In years."),
    "instalment": Fact(kind="number", description="Euros a month."),
}
WORDS = {"for_customer": "a reason for the customer", "for_auditor": "a reason for the auditor"}


def table(facts: Mapping[str, Fact], rows: Sequence[Mapping[str, Any]], categories: Mapping[str, Any]) -> FactTable:
    """One row a mapping; a fact that is not in it is not known, a text is looked up among `categories`."""
    values = np.full((len(rows), len(facts)), np.nan, np.float32)
    for row, known in enumerate(rows):
        for place, name in enumerate(facts):
            if (value := known.get(name)) is not None:
                values[row, place] = list(categories[name]).index(value) if name in categories else value
    return FactTable(facts, values, categories)


def users_of(*rows: Mapping[str, Any]) -> FactTable:
    return table(USER_FACTS, rows, {"country": COUNTRIES})


def items_of(**items: tuple[str | None, Mapping[str, Any]]) -> ItemsSeen:
    """Items by id: their category and facts."""
    facts = table(ITEM_FACTS, [known for _, known in items.values()], {})
    return ItemsSeen(np.array(list(items), object), np.array([kind for kind, _ in items.values()], object), facts)


def requests_of(
    facts: FactTable,
    held: Sequence[Sequence[int]] | None = None,
    occurrences: Mapping[str, Occurrences] | None = None,
    user: Sequence[int] | None = None,
) -> Requests:
    """One request a row of facts, now, without events; users are numbered by row."""
    count = len(facts)
    users = np.arange(count, dtype=np.int32) if user is None else np.array(user, np.int32)
    nothing = History(np.zeros(count + 1, np.int64), *(np.zeros(0, kind) for kind in ("i4", "i8", "i4", "f4")))
    rows = None if held is None else Ragged.from_pairs(
        np.repeat(np.arange(count), [len(each) for each in held]),
        np.array([item for each in held for item in each], np.int32), count,
    )  # fmt: skip
    return Requests(
        users, np.full(count, NOW), np.full(count, -1, np.int32), nothing, Ragged.empty(count), facts, rows,
        occurrences=occurrences or {},
    )  # fmt: skip
