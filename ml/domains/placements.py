"""Where slates are shown: each placement says who looks for candidates, how many are shown, and under which policy."""

from collections.abc import Collection, Mapping
from typing import Self

from pydantic import Field, model_validator

from ml.domains.frozen import Frozen
from ml.domains.reranking import Reranking


class Objective(Frozen):
    """What a placement's slates are for, as changes of the domain's re-ranking; the defaults change nothing."""

    boosts: dict[str, float] = Field({}, description="By name of a boost: a factor of its strength; 0 leaves it out.")
    diversity: float | None = Field(None, ge=0, le=1, description="In place of the weight of likeness.")
    explores: bool = Field(True, description="Whether places are drawn by chance.")

    def applied_to(self, policy: Reranking) -> Reranking:
        """The policy with these changes."""
        boosts = {
            name: boost.model_copy(update={"strength": boost.strength * self.boosts.get(name, 1.0)})
            for name, boost in policy.boosts.items()
        }
        changes: dict[str, object] = {"boosts": boosts}
        if self.diversity is not None:
            changes["diversity"] = policy.diversity.model_copy(update={"weight": self.diversity})
        if not self.explores:
            changes["exploration"] = policy.exploration.model_copy(update={"slots": 0, "epsilon": 0.0})
        return policy.model_copy(update=changes)


class Placement(Frozen):
    """One place where slates are shown."""

    size: int = Field(10, ge=1, le=100, description="Items where a request does not say how many.")
    retrievers: tuple[str, ...] = Field((), description="Who looks for candidates; none named: all of the training.")
    anchored: bool = Field(False, description="Whether a request names the item on whose page the slate stands.")
    channel: str | None = Field(
        None, description="Of marketing, which needs the user's consent; none: the user came by themselves."
    )
    objective: Objective = Objective()
    description: str = Field(min_length=10, description="One line for people.")

    @model_validator(mode="after")
    def _anchors_are_answered_by_sessions(self) -> Self:
        if self.anchored and self.channel:
            raise ValueError("is both anchored and sent through a channel: a message has no page that it stands on")
        return self


def check_placements(
    placements: Mapping[str, Placement], retrievers: Collection[str], channels: Collection[str], boosts: Collection[str]
) -> None:
    """Raise `ValueError` where a placement names what the domain does not declare.

    Args:
        placements: By name.
        retrievers: Those with a quota.
        channels: Those that a rule of consent knows: without one, nobody would be asked whether they agreed.
        boosts: Of the domain's re-ranking.
    """
    for name, placement in placements.items():
        if unknown := sorted(set(placement.retrievers) - set(retrievers)):
            raise ValueError(f"placement {name} names retriever {unknown[0]!r}, which has no quota: add it to `quotas`")
        if placement.channel and placement.channel not in channels:
            raise ValueError(
                f"placement {name} is sent through {placement.channel!r}, which no rule of consent knows: add it there"
            )
        if unknown := sorted(set(placement.objective.boosts) - set(boosts)):
            raise ValueError(f"placement {name} changes boost {unknown[0]!r}, which re-ranking does not declare")
