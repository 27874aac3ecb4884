"""What is known of users beside their events: their facts, what they have, and what happened to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ml.data.arrays import Bools, Indices, Ints, Strings
from ml.data.facts import UserStates
from ml.data.holdings import Holdings
from ml.data.occurrences import Occurrences
from ml.data.requests import Requests
from ml.domains.domain import Domain, Outputs


@dataclass(frozen=True)
class Knowledge:
    """Facts and holdings of all users, and which items slates are for (`Domain.outputs`)."""

    facts: UserStates
    holdings: Holdings
    outputs: Outputs
    occurrences: Mapping[str, Occurrences] = field(default_factory=dict)  # by type, of `Domain.told_events`

    @classmethod
    def none(cls) -> "Knowledge":
        """Nothing is known but events."""
        return cls(UserStates.none(), Holdings.none(), "mixed")

    @classmethod
    def of_events(
        cls, domain: Domain, facts: UserStates, user: Indices, item: Indices, at: Ints, kind: Strings
    ) -> "Knowledge":
        """What N events tell, beside the facts.

        Args:
            domain: Whose declaration says which types of event begin and end holdings, and which are told.
            facts: Of the same users.
            user: (N,) rows of the user vocabulary.
            item: (N,) columns of the item vocabulary; -1: an item that is not in the catalogue.
            at: (N,) microseconds since 1970 UTC.
            kind: (N,) types of event.
        """
        begins, ends = (np.isin(kind, types) for types in (domain.holdings.begin, domain.holdings.end))
        held = begins | ends
        occurrences = {
            name: Occurrences.of_events(user[there], item[there], at[there])
            for name in domain.told_events
            for there in [kind == name]
        }
        holdings = Holdings.of_events(user[held], item[held], at[held], begins[held])
        return cls(facts, holdings, domain.outputs, occurrences)

    def before(self, moment: int) -> "Knowledge":
        """The same as known just before an instant; facts are asked with their moment."""
        occurrences = {kind: happened.before(moment) for kind, happened in self.occurrences.items()}
        return replace(self, holdings=self.holdings.before(moment), occurrences=occurrences)

    def without(self, users: Bools) -> "Knowledge":
        """The same as if nothing were known of these users (users,)."""
        occurrences = {kind: happened.where(~users[happened.user]) for kind, happened in self.occurrences.items()}
        return replace(
            self, facts=self.facts.where(~users[self.facts.user]),
            holdings=self.holdings.where(~users[self.holdings.user]), occurrences=occurrences,
        )  # fmt: skip

    def told(self, requests: Requests, items: int) -> Requests:
        """The same requests with what was known of their users at their moments, of a catalogue of so many items."""
        held = self.holdings.at(requests.user, requests.moment)
        facts = self.facts.at(requests.user, requests.moment)
        barred = None
        if self.outputs != "mixed":  # what users have not is as large as the catalogue
            barred = held if self.outputs == "new" else held.complement(items)
        spans = self.holdings.spans(requests.user, requests.moment)
        return replace(requests, facts=facts, held=held, barred=barred, spans=spans, occurrences=self.occurrences)
