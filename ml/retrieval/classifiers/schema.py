"""What classifiers know of a domain and a catalogue, as they learned it: which inputs there are, and for which items."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from ml.artifacts import read_json, write_json
from ml.data.arrays import Floats, Ints, Strings
from ml.data.dataset import Dataset
from ml.domains import Protocol
from ml.domains.facts import Fact
from ml.errors import BadInput
from ml.retrieval.classifiers.parameters import RowsParameters

SCHEMA, ITEM_VALUES = "schema.json", "item_values.npy"
CATEGORY = "category"
REQUEST_FIELDS = ("moment", "history", "held", "spans")


@dataclass(frozen=True)
class Schema:
    """The inputs of one fitted model, always in the same order."""

    protocol: Protocol
    kinds: tuple[str, ...]  # the domain's event types
    facts: Mapping[str, Fact]  # of users, those that models may read
    categories: Mapping[str, Strings]  # the texts of each, as learned
    items: tuple[str, ...]  # identifiers of the catalogue
    guarded: tuple[int, ...]  # numbers of the items that no protected fact may score
    item_facts: Mapping[str, Fact]
    item_values: Floats  # (items, 1 + G) number of the category, then the facts

    @classmethod
    def of(cls, dataset: Dataset, parameters: RowsParameters) -> Self:
        """The inputs that a dataset has.

        Raises:
            BadInput: The catalogue is larger than the parameters allow.
        """
        domain, ids, known = dataset.domain, dataset.items.ids, dataset.knowledge.facts.table
        if len(ids) > parameters.maximum_items:
            raise BadInput(
                f"{len(ids)} items are too many for a model each (maximum_items is {parameters.maximum_items}): leave "
                "this retriever out, or raise maximum_items"
            )
        names = [name for name in domain.facts_of_models(guarded=not parameters.protected) if name in known.facts]
        category = dataset.catalogue[CATEGORY]
        codes = pd.factorize(category, sort=True)[0].astype(np.float32)
        values = dataset.item_facts.values if dataset.item_facts.facts else np.zeros((len(ids), 0), np.float32)
        return cls(
            domain.protocol, tuple(domain.event_weights), {name: known.facts[name] for name in names},
            {name: known.categories[name] for name in names if name in known.categories}, tuple(map(str, ids)),
            tuple(np.flatnonzero(category.isin(domain.guarded_categories)).tolist()), dataset.item_facts.facts,
            np.column_stack([codes, values]),
        )  # fmt: skip

    def readable(self, item: int, names: tuple[str, ...]) -> Ints:
        """Which of the shared inputs a model of this item may read; they are named `fact …` where they tell facts."""
        hidden = {f"fact {name}" for name, fact in self.facts.items() if fact.protected} if item in self.guarded else ()
        return np.array([place for place, name in enumerate(names) if name not in hidden], np.int64)

    def inputs(self, item: int | None = None) -> tuple[str, ...]:
        """The fields of requests and the facts of users that are read, for all items or for one."""
        hidden = item in self.guarded
        return (*REQUEST_FIELDS, *(name for name, fact in self.facts.items() if not (hidden and fact.protected)))

    def save(self, folder: Path) -> None:
        """Write `schema.json` and the facts of items as .npy."""
        np.save(folder / ITEM_VALUES, self.item_values, allow_pickle=False)
        described = {
            "protocol": self.protocol.model_dump(mode="json"), "kinds": self.kinds, "items": self.items,
            "facts": _dumped(self.facts), "item_facts": _dumped(self.item_facts), "guarded": self.guarded,
            "categories": {name: list(texts) for name, texts in self.categories.items()},
        }  # fmt: skip
        write_json(folder / SCHEMA, described)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        described = read_json(folder / SCHEMA)
        texts = {name: np.array(known, object) for name, known in described["categories"].items()}
        return cls(
            Protocol.model_validate(described["protocol"]), tuple(described["kinds"]), _facts(described["facts"]), texts,
            tuple(described["items"]), tuple(described["guarded"]), _facts(described["item_facts"]),
            np.load(folder / ITEM_VALUES, allow_pickle=False),
        )  # fmt: skip


def _dumped(facts: Mapping[str, Fact]) -> dict[str, object]:
    return {name: fact.model_dump(mode="json") for name, fact in facts.items()}


def _facts(dumped: Mapping[str, object]) -> dict[str, Fact]:
    return {name: Fact.model_validate(fact) for name, fact in dumped.items()}
