"""Which rules apply to which items, and which facts of users each item requires."""

from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Bools
from ml.domains.eligibility import Eligibility
from ml.domains.eligibility_rules import Rule
from ml.reranking.eligibility.pairs import ItemsSeen


@dataclass(frozen=True)
class Scope:
    """The rules of N, and the facts, that matter to each of I items."""

    applies: Bools  # (N, I) in the order of the rules
    requires: dict[str, Bools]  # (I,) by fact of users

    @classmethod
    def of(cls, eligibility: Eligibility, items: ItemsSeen) -> "Scope":
        """What is declared, for these items."""
        if not eligibility.rules and not eligibility.required:
            return cls(np.zeros((0, len(items)), bool), {})
        stray = ~np.isin(items.category.astype(str), eligibility.categories)
        applies = np.zeros((len(eligibility.rules), len(items)), bool)
        for number, rule in enumerate(eligibility.rules):
            applies[number] = _applies(rule, items, stray)
        return cls(applies, _requirements(eligibility, items, applies))

    def facts_of(self, item: int) -> tuple[str, ...]:
        """The facts of users that one item requires."""
        return tuple(name for name, there in self.requires.items() if there[item])


def _applies(rule: Rule, items: ItemsSeen, stray: Bools) -> Bools:
    """(I,) whether a rule applies; to `stray` items, of a category that is not declared, every rule of one does."""
    if not rule.categories and not rule.items:
        return np.ones(len(items), bool)
    named = np.isin(items.ids.astype(str), rule.items)
    return named | np.isin(items.category.astype(str), rule.categories) | (stray & bool(rule.categories))


def _requirements(eligibility: Eligibility, items: ItemsSeen, applies: Bools) -> dict[str, Bools]:
    declared = eligibility.required
    key = np.where(np.isin(items.ids.astype(str), list(declared)), items.ids, items.category).astype(str)
    undeclared = ~np.isin(key, list(declared))
    requires: dict[str, Bools] = {}
    for name, facts in declared.items():
        for fact in facts:
            requires[fact] = requires.get(fact, np.zeros(len(items), bool)) | (key == name)
    for rule, there in zip(eligibility.rules, applies, strict=True):
        for fact in rule.required_facts:
            requires[fact] = requires.get(fact, np.zeros(len(items), bool)) | (there & undeclared)
    return requires
