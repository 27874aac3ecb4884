"""What models may see of a user: what is known offline, what was done online, or both.

Rules of eligibility, labels, and what a slate is not for are no inputs of a model: they read all that is known.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np

from ml.data.arrays import Bools, Indices, Ragged
from ml.data.facts import FactTable
from ml.data.requests import History, Requests
from ml.domains import Domain
from ml.domains.domain import Inputs
from ml.errors import BadInput


@dataclass(frozen=True)
class Visibility:
    """The inputs of models; with `both`, the default, nothing is left out and the other fields do not count."""

    inputs: Inputs = "both"
    hidden: tuple[str, ...] = ()  # types of event that no model sees, nor any feature made from them
    kinds: tuple[int, ...] = ()  # places in `Domain.event_weights` of the types that histories keep
    facts: tuple[str, ...] = ()  # of users, that models see where they may

    @classmethod
    def of(cls, domain: Domain, inputs: Inputs) -> Self:
        """What the inputs are in a domain, as it declares which events and facts are of online behaviour.

        Raises:
            BadInput: The domain does not say what is online, or all that is to be predicted is left out.
        """
        if inputs == "both":
            return cls()
        if not (online := set(domain.online_events)):
            raise BadInput(
                f"inputs: {domain.name} does not declare which events are online, so that {inputs} inputs cannot be told "
                "from the others: train with inputs both, or declare `online_events`"
            )
        if inputs == "offline" and (lost := online & set(domain.target_events)):
            raise BadInput(
                f"inputs: offline leaves {domain.name} nothing to learn from: {', '.join(sorted(lost))} is what a "
                "recommendation should bring about, and happens online: train with inputs both or online"
            )
        hidden = online if inputs == "offline" else {*domain.event_weights, *domain.data_rules.event_types} - online
        kinds = (place for place, kind in enumerate(domain.event_weights) if kind not in hidden)
        facts = (name for name, fact in domain.user_facts.items() if fact.online == (inputs == "online"))
        return cls(inputs, tuple(sorted(hidden)), tuple(kinds), tuple(facts))

    @classmethod
    def from_dict(cls, described: dict[str, Any]) -> Self:
        """What `as_dict` described; everything where that was written before inputs could be chosen."""
        lists = {name: tuple(described.get(name, ())) for name in ("hidden", "kinds", "facts")}
        return cls(described.get("inputs", "both"), **lists)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return self.inputs == "both"

    def events(self, kind: Indices | None, count: int) -> Bools:
        """(count,) which events are seen; of those that do not tell their type, none."""
        return np.zeros(count, bool) if kind is None else np.isin(kind, self.kinds)

    def told(self, table: FactTable) -> FactTable:
        """The facts that are seen."""
        return table if self.whole else table.select(tuple(name for name in table.facts if name in self.facts))

    def requests(self, requests: Requests) -> Requests:
        """The same requests as models see them; what is barred stays.

        A current session is what somebody does online, and what somebody has is known offline. The place is that of
        the last event, whatever its type was: it is left out.
        """
        if self.whole:
            return requests
        nowhere, online = np.full(len(requests), -1, np.int32), self.inputs == "online"
        seen = replace(
            requests, place=nowhere, history=self._history(requests.history), facts=self.told(requests.facts)
        )
        if online:
            return replace(seen, held=None, spans=None)
        return replace(seen, session=Ragged.empty(len(requests)))

    def _history(self, history: History) -> History:
        seen = self.events(history.kind, len(history.item))
        offsets = np.r_[0, np.cumsum(seen)][history.offsets].astype(np.int64)
        return history.pick(offsets, seen)


EVERYTHING = Visibility()
