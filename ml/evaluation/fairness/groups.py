"""The groups that a protected fact parts people into."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ml.data.arrays import Bools, Floats, Ints
from ml.data.facts import FactTable
from ml.domains.facts import Fact

UNKNOWN_GROUP = "unknown"


@dataclass(frozen=True)
class Groups:
    """R people in the groups that occur among them, those of whom the fact is not known in the last one."""

    names: tuple[str, ...]  # `unknown` is the last, where anybody is in it
    code: Ints  # (R,) place in `names`
    unknown: int | None  # place of the unknown

    @classmethod
    def of(cls, table: FactTable, name: str) -> "Groups":
        """By one fact, which is a category, a flag or a number in bands."""
        column = table.column(name)
        titles = _titles(table, name)
        place = np.where(np.isnan(column), len(titles), _places(column, table.facts[name])).astype(np.int64)
        found, code = np.unique(place, return_inverse=True)
        names = tuple((*titles, UNKNOWN_GROUP)[at] for at in found)
        has_unknown = len(found) > 0 and int(found[-1]) == len(titles)
        return cls(names, code.astype(np.int64), len(found) - 1 if has_unknown else None)

    def __len__(self) -> int:
        return len(self.names)

    def users(self, unit: Ints, among: Bools | None = None) -> Ints:
        """(G,) how many different people each group has, among all R or those of a mask."""
        pairs = np.stack([self.code, unit], axis=1)
        pairs = np.unique(pairs if among is None else pairs[among], axis=0)
        return np.bincount(pairs[:, 0], minlength=len(self)).astype(np.int64)

    def judged(self, unit: Ints, minimum: int) -> Bools:
        """(G,) whether a group is known and has so many people at least."""
        enough = self.users(unit) >= minimum
        if self.unknown is not None:
            enough[self.unknown] = False
        return enough


def _titles(table: FactTable, name: str) -> tuple[str, ...]:
    """What the groups are called, in the order of their places."""
    fact = table.facts[name]
    match fact.kind:
        case "category":
            return tuple(str(text) for text in table.categories[name])
        case "flag":
            return ("no", "yes")
        case "number" if fact.bands:
            inner = (f"{low:g} to {high:g}" for low, high in pairwise(fact.bands))
            return (f"under {fact.bands[0]:g}", *inner, f"{fact.bands[-1]:g} and over")
        case _:
            raise ValueError(f"the fact {name} parts nobody into groups: it is a {fact.kind} without bands")


def _places(column: Floats, fact: Fact) -> Ints:
    """(R,) which group; any number where the fact is not known. A bound belongs to the band that it opens."""
    if fact.kind == "number":
        return np.searchsorted(fact.bands, column, side="right").astype(np.int64)
    return np.nan_to_num(column).astype(np.int64)
