"""What a domain says about reaching users before they ask: which events are signs of interest, and how long they count."""

from collections.abc import Collection, Mapping

from pydantic import Field

from ml.domains.facts import Fact
from ml.domains.frozen import Frozen


class Campaigns(Frozen):
    """How users are chosen to be told of an item; without `asked`, a domain has no contact lists."""

    asked: tuple[str, ...] = Field((), description="Events by which a user asks for an item.")
    granted: tuple[str, ...] = Field((), description="Events by which the user gets what was asked for.")
    looked: tuple[str, ...] = Field((), description="Events by which a user looks at an item before asking.")
    contacts: tuple[str, ...] = Field((), description="Events by which a user was told of an item.")
    quiet_days: int = Field(
        93, ge=1, description="Days for which a sign of interest counts: who gave one needs no telling."
    )
    rest_days: int = Field(28, ge=1, description="Days after a contact about any item in which nobody is told again.")
    horizon_cadences: int = Field(2, ge=1, description="Cadences within which a user who is told of an item may ask.")
    control_share: float = Field(
        0.1, ge=0, lt=1, description="Share of a list that is held back and not told, to measure what telling does."
    )
    segments: dict[str, tuple[float, ...]] = Field(
        {}, description="Facts that tell segments apart, with the bounds between the bands of a number."
    )

    @property
    def signs(self) -> tuple[str, ...]:
        """The events that show interest in an item."""
        return (*self.looked, *self.asked)

    @property
    def event_types(self) -> tuple[str, ...]:
        """Every type of event that is read."""
        return (*self.signs, *self.granted, *self.contacts)

    def check(self, user_facts: Mapping[str, Fact], events: Collection[str]) -> None:
        """Raise `ValueError` where what is read is not declared by the domain, or bounds are not of an ordered number."""
        if unknown := sorted(set(self.event_types) - set(events)):
            raise ValueError(
                f"campaigns read event type {unknown[0]!r}: correct it or add it to `data_rules.event_types`"
            )
        for name, bounds in self.segments.items():
            if name not in user_facts:
                raise ValueError(f"campaigns tell segments apart by {name!r}: correct it or add it to `user_facts`")
            if bounds and user_facts[name].kind != "number":
                raise ValueError(f"campaigns cut {name!r} into bands, which is no number: leave its bounds empty")
            if list(bounds) != sorted(set(bounds)):
                raise ValueError(f"campaigns cut {name!r} at {bounds}: give its bounds in ascending order")
