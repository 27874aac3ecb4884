"""What is known of users beside their events: their facts, what they have, and what happened to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ml.data.facts import UserStates
from ml.data.holdings import Holdings
from ml.data.occurrences import Occurrences
from ml.data.requests import Requests
from ml.domains.domain import Outputs


@dataclass(frozen=True)
class Knowledge:
    """Facts and holdings of all users, and which items slates are for (`Domain.outputs`)."""

    facts: UserStates
    holdings: Holdings
    outputs: Outputs
    occurrences: Mapping[str, Occurrences] = field(default_factory=dict)  # by type, of `Domain.remembered_events`

    @classmethod
    def none(cls) -> "Knowledge":
        """Nothing is known but events."""
        return cls(UserStates.none(), Holdings.none(), "mixed")

    def before(self, moment: int) -> "Knowledge":
        """The same without what was taken, given up or happened from an instant on; facts are asked with their moment."""
        occurrences = {kind: happened.before(moment) for kind, happened in self.occurrences.items()}
        return replace(self, holdings=self.holdings.before(moment), occurrences=occurrences)

    def told(self, requests: Requests, items: int) -> Requests:
        """The same requests with what was known of their users at their moments, of a catalogue of so many items."""
        held = self.holdings.at(requests.user, requests.moment)
        facts = self.facts.at(requests.user, requests.moment)
        barred = {"new": held, "owned": held.complement(items)}.get(self.outputs)
        spans = self.holdings.spans(requests.user, requests.moment)
        return replace(requests, facts=facts, held=held, barred=barred, spans=spans, occurrences=self.occurrences)
