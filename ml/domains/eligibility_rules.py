"""The kinds of eligibility rules: each is a condition under which an item may be offered to a user.

A rule only says what it reads and what must hold; `ml.reranking.eligibility` judges it.
"""

from abc import ABC, abstractmethod
from typing import Literal

from pydantic import Field, model_validator

from ml.domains.frozen import Frozen


class Rule(Frozen, ABC):
    """What every rule says about itself."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: int = Field(1, ge=1, description="Goes up with every change of the condition or of what it applies to.")
    for_customer: str = Field(min_length=10, description="Why an item is not offered, as the customer is told.")
    for_auditor: str = Field(min_length=10, description="The same, with the policy behind it.")
    categories: tuple[str, ...] = Field((), description="Categories of items that it applies to.")
    items: tuple[str, ...] = Field((), description="Item ids that it applies to as well. Neither: all items.")

    @property
    def name(self) -> str:
        """`id@version`, as decisions are logged."""
        return f"{self.id}@{self.version}"

    @property
    @abstractmethod
    def condition(self) -> str:
        """What must hold, in one line."""

    @property
    def user_facts(self) -> dict[str, str]:
        """The facts of users that it may read, with the kind that they must have."""
        return {}

    @property
    def required_facts(self) -> tuple[str, ...]:
        """The facts of users that it reads whatever is asked."""
        return tuple(self.user_facts)

    @property
    def item_facts(self) -> dict[str, str]:
        """The facts of items that it reads, with the kind that they must have."""
        return {}

    @property
    def event_types(self) -> tuple[str, ...]:
        """The types of event that it reads."""
        return ()

    @property
    def named_items(self) -> tuple[str, ...]:
        """Every item id that it names."""
        return self.items


class Comparison(Rule):
    """A number of the user against a constant or against a number of the item."""

    kind: Literal["comparison"] = "comparison"
    fact: str = Field(description="A number of the user.")
    operator: Literal["<", "<=", ">=", ">"]
    value: float | None = Field(None, allow_inf_nan=False, description="The constant, or else:")
    item_fact: str | None = Field(None, description="The number of the item.")

    @model_validator(mode="after")
    def _one_bound(self) -> "Comparison":
        if (self.value is None) == (self.item_fact is None):
            raise ValueError(f"rule {self.id} compares with both or neither of value and item_fact: give one of them")
        return self

    @property
    def condition(self) -> str:
        """`age >= item.minimum_age`."""
        bound = f"{self.value:g}" if self.item_fact is None else f"item.{self.item_fact}"
        return f"{self.fact} {self.operator} {bound}"

    @property
    def user_facts(self) -> dict[str, str]:
        """The number."""
        return {self.fact: "number"}

    @property
    def item_facts(self) -> dict[str, str]:
        """The bound, where it is the item's."""
        return {} if self.item_fact is None else {self.item_fact: "number"}


class Flag(Rule):
    """A flag of the user must be set, or must not be."""

    kind: Literal["flag"] = "flag"
    fact: str
    equals: bool

    @property
    def condition(self) -> str:
        """`is_resident is true`."""
        return f"{self.fact} is {str(self.equals).lower()}"

    @property
    def user_facts(self) -> dict[str, str]:
        """The flag."""
        return {self.fact: "flag"}


class Membership(Rule):
    """A category of the user must be one of some texts, or none of some."""

    kind: Literal["membership"] = "membership"
    fact: str
    among: tuple[str, ...] = Field((), description="The texts that it must be one of, or else:")
    not_among: tuple[str, ...] = Field((), description="The texts that it must not be.")

    @model_validator(mode="after")
    def _one_list(self) -> "Membership":
        if bool(self.among) == bool(self.not_among):
            raise ValueError(f"rule {self.id} has both or neither of among and not_among: give one of them")
        return self

    @property
    def condition(self) -> str:
        """`employment not among active, subsidiary`."""
        return f"{self.fact} {'among' if self.among else 'not among'} {', '.join(self.among or self.not_among)}"

    @property
    def user_facts(self) -> dict[str, str]:
        """The category."""
        return {self.fact: "category"}


class Affordability(Rule):
    """Instalments a month, the item's own included, within a share of the monthly income.

    Who has no income can afford nothing. An item without instalments says 0: of one that says nothing, the rule
    cannot know.
    """

    kind: Literal["affordability"] = "affordability"
    instalment: str = Field(description="What the user pays a month already.")
    income: str = Field(description="What the user earns a year.")
    item_instalment: str | None = Field(None, description="What the item adds a month; none: nothing is added.")
    limit: float = Field(gt=0, allow_inf_nan=False, description="Largest share of the monthly income.")

    @property
    def condition(self) -> str:
        """`(instalment + item.instalment) / (income / 12) <= 0.35`."""
        paid = f"({self.instalment} + item.{self.item_instalment})" if self.item_instalment else self.instalment
        return f"{paid} / ({self.income} / 12) <= {self.limit:g}"

    @property
    def user_facts(self) -> dict[str, str]:
        """Instalment and income."""
        return {self.instalment: "number", self.income: "number"}

    @property
    def item_facts(self) -> dict[str, str]:
        """The item's instalment."""
        return {self.item_instalment: "number"} if self.item_instalment else {}


class Exclusive(Rule):
    """Not where the user has another one of some items; that the item itself is held does not count."""

    kind: Literal["exclusive"] = "exclusive"
    not_with: tuple[str, ...] = Field(min_length=1, description="Item ids.")

    @property
    def condition(self) -> str:
        """`holds no other of a, b`."""
        return f"holds no other of {', '.join(self.not_with)}"

    @property
    def named_items(self) -> tuple[str, ...]:
        """Those that it excludes, too."""
        return (*self.items, *self.not_with)


class RecentEvent(Rule):
    """Not where some event happened between the user and the item, or its category, lately.

    An event exactly so many days ago still counts; one at the moment itself is not known yet.
    """

    kind: Literal["recent_event"] = "recent_event"
    events: tuple[str, ...] = Field(min_length=1, description="Types of event.")
    days: int = Field(ge=1)
    of: Literal["item", "category"] = Field("item", description="Whether any item of the same category counts.")

    @property
    def condition(self) -> str:
        """`no refuse of the category within 180 days`."""
        return f"no {' or '.join(self.events)} of the {self.of} within {self.days} days"

    @property
    def event_types(self) -> tuple[str, ...]:
        """The events."""
        return self.events


class Consent(Rule):
    """A request through a marketing channel needs the user's consent to it; one through no channel needs none.

    A channel that is not declared has nobody's consent.
    """

    kind: Literal["consent"] = "consent"
    channels: dict[str, str] = Field(min_length=1, description="The flag of the user that consents, by channel.")

    @property
    def condition(self) -> str:
        """`consent to the channel: email by consent_email`."""
        return "consent to the channel: " + ", ".join(f"{name} by {fact}" for name, fact in self.channels.items())

    @property
    def user_facts(self) -> dict[str, str]:
        """The flags of all channels."""
        return dict.fromkeys(self.channels.values(), "flag")

    @property
    def required_facts(self) -> tuple[str, ...]:
        """None: which one is read depends on the channel."""
        return ()
