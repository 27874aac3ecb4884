"""Eligibility: which items may be offered to whom, as rules that are data.

A rule never guesses: a fact that it reads and that is not known means that the item is not offered.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Annotated

from pydantic import Field, model_validator

from ml.domains.eligibility_rules import (
    Affordability,
    Comparison,
    Consent,
    Exclusive,
    Flag,
    Membership,
    RecentEvent,
)
from ml.domains.facts import Fact
from ml.domains.frozen import Frozen
from ml.errors import BadInput

REQUIRED_FACTS = "required_facts"  # the identifier under which missing required facts are reported
MOST_RULES = 63  # a decision is a bit mask of 64: a bit a rule, and one for required facts

AnyRule = Annotated[
    Comparison | Flag | Membership | Affordability | Exclusive | RecentEvent | Consent, Field(discriminator="kind")
]


class Eligibility(Frozen):
    """The rules of a domain, in the order in which they are reported; without any, everything is eligible.

    An item of a category that is not among `categories` (or of none) is judged by the rules of every category and
    requires every fact that they read: what nobody thought of is not offered by default.
    """

    version: int = Field(1, ge=1, description="Of `required`; rules have their own.")
    rules: tuple[AnyRule, ...] = Field((), max_length=MOST_RULES)
    categories: tuple[str, ...] = Field((), description="Categories of items that rules and `required` may name.")
    items: tuple[str, ...] = Field((), description="Item ids that rules and `required` may name.")
    required: dict[str, tuple[str, ...]] = Field(
        {},
        description="Facts of users without which an item is offered to nobody, by item id or, where that is not "
        "here, by category; `()`: none. Items of neither require every fact that their rules read.",
    )

    @model_validator(mode="after")
    def _names_are_declared(self) -> "Eligibility":
        ids = [rule.id for rule in self.rules]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"rule {twice[0]} is declared twice: give each rule an id of its own")
        if REQUIRED_FACTS in ids:
            raise ValueError(f"rule {REQUIRED_FACTS} has the id of the check of `required`: give it another one")
        for rule in self.rules:
            _check_among(f"rule {rule.id} names category", rule.categories, self.categories, "categories")
            _check_among(f"rule {rule.id} names item", rule.named_items, self.items, "items")
        _check_among("`required` names", self.required, (*self.categories, *self.items), "categories or items")
        return self

    @property
    def requirement(self) -> str:
        """The name under which a missing required fact is logged."""
        return f"{REQUIRED_FACTS}@{self.version}"

    @property
    def names(self) -> tuple[str, ...]:
        """What may forbid an item, as it is logged: every rule, and the check of required facts at the end."""
        return (*(rule.name for rule in self.rules), self.requirement)

    def named(self, bits: int) -> tuple[str, ...]:
        """Those of `names` whose bits are set, the lowest bit first."""
        return tuple(name for place, name in enumerate(self.names) if bits >> place & 1)

    @property
    def channels(self) -> tuple[str, ...]:
        """The marketing channels to which users may consent, as the rules of consent declare them."""
        named = (rule.channels for rule in self.rules if isinstance(rule, Consent))
        return tuple(dict.fromkeys(channel for channels in named for channel in channels))

    def check_channel(self, channel: str | None) -> None:
        """Raise `BadInput` where a channel (None: no marketing) has no rule of consent: nobody agreed to it."""
        if channel is not None and channel not in self.channels:
            known = ", ".join(sorted(self.channels)) or "none"
            raise BadInput(f"--channel {channel!r} has no rule of consent; declared channels: {known}")

    @property
    def event_types(self) -> tuple[str, ...]:
        """The types of event that some rule reads, sorted."""
        return tuple(sorted({kind for rule in self.rules for kind in rule.event_types}))

    @property
    def digest(self) -> str:
        """SHA-256 of all that is declared, which a logged decision names."""
        declared = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(declared.encode()).hexdigest()

    def check(self, user_facts: Mapping[str, Fact], item_facts: Mapping[str, Fact], events: Collection[str]) -> None:
        """Raise `ValueError` where a rule reads what the domain does not declare.

        Args:
            user_facts: The domain's facts of users.
            item_facts: Its facts of items.
            events: The types of event that its source may send.
        """
        for rule in self.rules:
            _check_facts(f"rule {rule.id}", rule.user_facts, user_facts, "user_facts")
            _check_facts(f"rule {rule.id}", rule.item_facts, item_facts, "item_facts")
            _check_among(f"rule {rule.id} reads event type", rule.event_types, events, "data_rules.event_types")
        for name, facts in self.required.items():
            _check_among(f"`required` of {name} names fact", facts, user_facts, "user_facts")


def _check_among(who: str, names: Collection[str], declared: Collection[str], where: str) -> None:
    if unknown := sorted(set(names) - set(declared)):
        raise ValueError(f"{who} {unknown[0]!r}, which is not declared: correct it or add it to `{where}`")


def _check_facts(who: str, read: Mapping[str, str], declared: Mapping[str, Fact], where: str) -> None:
    _check_among(f"{who} reads fact", read, declared, where)
    for name, kind in read.items():
        if declared[name].kind != kind:
            raise ValueError(
                f"{who} reads {name!r} as a {kind}, but `{where}` declares a {declared[name].kind}: correct either"
            )
