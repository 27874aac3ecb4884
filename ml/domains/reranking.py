"""What a domain does to a ranking before anybody sees it: caps, diversity, boosts, what is left out, pins, exploration.

The defaults do nothing: a slate is then the ranker's order.
"""

from collections.abc import Collection, Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from ml.domains.facts import Fact
from ml.domains.frozen import Frozen

MARGIN, STOCK, LAUNCHED = "margin", "stock", "launched_at"  # columns of items beside their declared facts


class Diversity(Frozen):
    """Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998) over three likenesses of items, each 0 to 1."""

    weight: float = Field(0.0, ge=0, le=1, description="What likeness to the slate so far costs; relevance weighs 1-w.")
    category: float = Field(1.0, ge=0, description="Weight of the share of the category path that two items share.")
    brand: float = Field(0.0, ge=0, description="Weight of having the same brand.")
    vectors: float = Field(0.0, ge=0, description="Weight of the cosine of the items' vectors, where there are any.")


class Boost(Frozen):
    """Moves an item up (down, where the strength is negative) by something known of it; unknown: not at all."""

    reads: str = Field(
        description="`margin`, `stock`, `launched_at`, or a number, flag or moment among the item facts."
    )
    strength: float = Field(description="Added to the normalised score (0 to 1) of an item that has it in full.")
    full_at: float = Field(1.0, gt=0, description="The number that counts in full; below it, its share.")
    within_days: float | None = Field(
        None, gt=0, description="For a moment: in full on that day, fading to nothing after so many days."
    )

    @model_validator(mode="after")
    def _launches_fade(self) -> Self:
        if self.reads == LAUNCHED and self.within_days is None:
            raise ValueError(f"reads {LAUNCHED} without within_days: say for how long an item is new")
        return self


class Stock(Frozen):
    """Leaves out items of which there is too little."""

    minimum: float = Field(0.0, ge=0, description="Items with this many units or fewer are left out.")
    keep_unknown: bool = Field(True, description="Whether an item stays of whose stock nothing is known.")


class Repeats(Frozen):
    """Leaves out what was bought lately, until it is due again."""

    events: tuple[str, ...] = Field(min_length=1, description="Event types that buy an item.")
    due_share: float = Field(0.5, gt=0, description="Share of the usual interval that must have passed.")
    otherwise_days: float = Field(0.0, ge=0, description="The interval where neither user nor item tells one; 0: none.")


class Declined(Frozen):
    """Leaves out what the user declined."""

    events: tuple[str, ...] = Field(min_length=1, description="Event types that decline an item.")
    days: float = Field(30.0, gt=0, description="For how long after the last of them.")


class Risk(Frozen):
    """The item fact by which a person may choose; an item of which it is not known fits neither choice."""

    fact: str
    conservative_maximum: float = Field(description="A conservative person sees no item above it.")
    tolerant_minimum: float = Field(description="A tolerant one none below it.")


class Pin(Frozen):
    """One item at one place, in every slate that may hold it."""

    item_id: str
    position: int = Field(ge=1)


class Exploration(Frozen):
    """Places that are drawn by chance, to learn of items that the ranker would not show; all draws are independent.

    Either the last `slots` places are drawn, or each place is with probability `epsilon`. A place draws from every
    n-th of the candidates that are not in the slate, n being the number of such places: no item can come twice, and
    each propensity is a product of two known probabilities.
    """

    slots: int = Field(0, ge=0)
    epsilon: float = Field(0.0, ge=0, lt=1)
    temperature: float | None = Field(
        None, gt=0, description="Of the softmax over normalised scores by which candidates are drawn; none: uniformly."
    )
    seed: int = 0

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.slots and self.epsilon:
            raise ValueError("has both slots and epsilon: keep one")
        return self


class Reranking(Frozen):
    """The policy of a domain."""

    pool: int = Field(100, ge=1, description="Best-ranked candidates that are re-ranked.")
    maximum_per_category: int | None = Field(
        None, ge=1, description="Items of one category in a slate, as long as there are others to fill it with."
    )
    diversity: Diversity = Diversity()
    boosts: dict[str, Boost] = Field({}, description="By name.")
    maximum_boost: float = Field(
        0.1, ge=0, le=1, description="How far all boosts together may move a normalised score (0 to 1)."
    )
    stock: Stock | None = None
    repeats: Repeats | None = Field(None, description="None where a user is glad of what was bought yesterday.")
    declined: Declined | None = None
    risk: Risk | None = None
    pins: tuple[Pin, ...] = ()
    exploration: Exploration = Exploration()
    feeds: dict[str, Literal["synthetic_shop"]] = Field(
        {}, description="By source: the feed that supplies margin, stock, launches and declines that it lacks."
    )

    def check(self, item_facts: Mapping[str, Fact], events: Collection[str]) -> None:
        """Raise `ValueError` where the policy reads what the domain does not declare.

        Args:
            item_facts: The domain's facts of items.
            events: The types of event that its source may send.
        """
        reads = [boost.reads for boost in self.boosts.values()] + ([self.risk.fact] if self.risk else [])
        if unknown := sorted(set(reads) - {MARGIN, STOCK, LAUNCHED, *item_facts}):
            raise ValueError(f"re-ranking reads {unknown[0]!r}, which is not declared: add it to `item_facts`")
        if unknown := sorted(set(self.event_types) - set(events)):
            raise ValueError(
                f"re-ranking reads event type {unknown[0]!r}, which is not declared: add it to `data_rules.event_types`"
            )

    @property
    def event_types(self) -> tuple[str, ...]:
        """The types of event that some part of it reads, sorted."""
        parts = [part.events for part in (self.repeats, self.declined) if part]
        return tuple(sorted({kind for events in parts for kind in events}))

    @model_validator(mode="after")
    def _one_pin_a_place(self) -> Self:
        for what in ("position", "item_id"):
            named = [getattr(pin, what) for pin in self.pins]
            if len(set(named)) < len(named):
                raise ValueError(f"two pins have the same {what}: keep one")
        return self
