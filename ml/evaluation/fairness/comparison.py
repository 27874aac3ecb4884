"""Groups side by side: which of them are large enough to be compared, and their figures as rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ml.data.arrays import Bools, Ints
from ml.evaluation.fairness.groups import UNKNOWN_GROUP, Groups
from ml.evaluation.fairness.rates import Rates

Document = dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """R requests in G groups; who is not eligible for anything has no part in approval."""

    groups: Groups
    unit: Ints  # (R,) the user
    eligible: Bools  # (R,)
    minimum: int  # users of a group that is judged, and eligible ones of one that is compared

    @cached_property
    def judged(self) -> Bools:
        """(G,) known and large enough."""
        return self.groups.judged(self.unit, self.minimum)

    @cached_property
    def eligible_users(self) -> Ints:
        """(G,)."""
        return self.groups.users(self.unit, self.eligible)

    @cached_property
    def compared(self) -> Bools:
        """(G,) judged, with enough eligible users."""
        return self.judged & (self.eligible_users >= self.minimum)

    def most_favoured(self, approval: Rates) -> int | None:
        """The compared group with the highest approval; None where there is none to compare with."""
        known = np.where(self.compared & np.isfinite(approval.mean), approval.mean, -np.inf)
        return int(np.argmax(known)) if np.isfinite(known).any() else None

    def described(self, figures: Mapping[str, Rates], favoured: int | None) -> Document:
        """`most_favoured` and `groups`: a row each, with its sizes and figures."""
        columns = {name: found.shown() for name, found in figures.items()}
        users = self.groups.users(self.unit)
        requests = np.bincount(self.groups.code, minlength=len(self.groups))
        rows = [
            {"group": name, "users": int(users[at]), "eligible_users": int(self.eligible_users[at]),
             "requests": int(requests[at]), "judged": bool(self.judged[at]), "approval_judged": bool(self.compared[at]),
             "reason": self._why_not(at), **{key: column[at] for key, column in columns.items()}}
            for at, name in enumerate(self.groups.names)
        ]  # fmt: skip
        return {"most_favoured": None if favoured is None else self.groups.names[favoured], "groups": rows}

    def _why_not(self, at: int) -> str | None:
        if self.judged[at]:
            return None
        return UNKNOWN_GROUP if at == self.groups.unknown else f"fewer than {self.minimum} users"
