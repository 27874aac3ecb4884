"""What happens to users while the champion changes, after an event, and under far too much load."""

import contextvars
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.data.arrays import Reals
from ml.domains.domain import Domain
from ml.serving.load.summary import OK, quantiles, summarise
from ml.serving.load.traffic import Told, Traffic
from ml.steps.serving_process import Server, ask
from ml.steps.serving_trials import Document, Trials, recovery

BEFORE, AFTER = 3.0, 70.0  # seconds of load around a move of the champion
EVENTS = 50  # whose effect is waited for
LONGEST = 10.0  # seconds that an effect is waited for
FRESH = "features_as_of"  # where an answer says until when it knew what the user did


def swap(trials: Trials, rate: float, move: Callable[[], None], version: int) -> Document:
    """Move the champion under load.

    Args:
        trials: Of one server.
        rate: Of load, requests a second.
        move: Moves it.
        version: To which.

    Returns:
        `seconds` from the move to the first answer of the new version (None: there was none), `before_ms` and
        `after_ms` (latency by quantile of requests up to the move and of those after it), and what `summarise` tells.
    """
    moved: list[float] = []

    def later() -> None:
        time.sleep(BEFORE)
        move()
        moved.append(time.perf_counter())

    thread = threading.Thread(target=contextvars.copy_context().run, args=(later,))
    offered, slates = trials.run(rate, BEFORE + AFTER, begun=thread.start)  # however long a run takes to prepare
    thread.join()
    at = (moved[0] if moved else time.perf_counter()) - offered.started
    new = np.array([isinstance(kept, Told) and kept.version == version for kept in offered.kept])
    served, early = slates & (offered.status == OK), offered.intended < at
    return {
        "seconds": max(float(offered.done[new].min()) - at, 0.0) if new.any() else None, "rate": rate,
        "before_ms": quantiles(offered.latency[served & early]), "after_ms": quantiles(offered.latency[served & ~early]),
        **{name: value for name, value in summarise(offered, slates, BEFORE + AFTER).items() if name in _SWAPPED},
    }  # fmt: skip


_SWAPPED = ("slates", "shed", "failed", "given_up", "statuses", "versions", "degraded", "lag_ms")


def overload(
    trials: Trials, server: Server, rate: float, seconds: float, request: Mapping[str, Any], path: str
) -> Document:
    """Offer far more than can be served, and see how the server comes back.

    Args:
        trials: Of this server.
        server: Whose memory is looked at.
        rate: Requests a second.
        seconds: For how long.
        request: Body of a slate that is asked for afterwards until answers come at once again.
        path: Where it is asked.

    Returns:
        What `summarise` tells, `before` and `after` (memory), and `recovery_seconds` (None: it did not recover).
    """
    before = server.memory()
    found = trials.measure(rate, seconds)
    back = recovery(lambda: _asked(server, path, request), time.perf_counter)
    return {**found, "seconds": seconds, "before": before, "after": server.memory(), "recovery_seconds": back}


def _asked(server: Server, path: str, request: Mapping[str, Any]) -> tuple[int, float]:
    began = time.perf_counter()
    status, _ = ask(server.address, "POST", path, request)
    return status, 1_000 * (time.perf_counter() - began)


@dataclass(frozen=True)
class Freshness:
    """Waits for what an event changes in the slates of its user."""

    server: Server
    traffic: Traffic

    def measure(self) -> dict[str, Document | None]:
        """`told`: until an answer says that it knew the event; `declined`: until a declined item is gone.

        Each has `events`, `milliseconds` by quantile from the acknowledgement to the arrival of such an answer, `first`
        (the share of events that the very next slate showed) and `missed` (not shown in time); None where the server
        does not say what it knew, or the domain has no event that declines.
        """
        return {"told": self._all(self._told), "declined": self._all(self._declined)}

    def _all(self, one: Callable[[int], tuple[float, int] | None]) -> Document | None:
        found = [one(number) for number in range(EVENTS)]
        known = [each for each in found if each is not None]
        if not known:
            return None
        taken: Reals = np.array([seconds for seconds, _ in known]) * 1_000
        first = float(np.mean([asked == 1 and bool(seconds < LONGEST) for seconds, asked in known]))
        return {"events": len(known), "milliseconds": quantiles(taken), "first": first, "missed": int((taken >= 1_000 * LONGEST).sum())}  # fmt: skip

    def _told(self, number: int) -> tuple[float, int] | None:
        user = self._user(number)
        before = self._slate(user).get(FRESH)
        if before is None:
            return None
        self._post(number, user, self.traffic.people.items[number % len(self.traffic.people.items)], None)
        return self._until(user, lambda slate: slate[FRESH] > before)

    def _declined(self, number: int) -> tuple[float, int] | None:
        declared = self.declared.reranking.declined
        user = self._user(EVENTS + number)
        items = [item for item in self._slate(user).get("items", ()) if not item.get("explored")]
        if declared is None or not items:
            return None
        gone = items[0]["item_id"]
        self._post(EVENTS + number, user, gone, declared.events[0])
        return self._until(user, lambda slate: all(item["item_id"] != gone for item in slate["items"]))

    @property
    def declared(self) -> Domain:
        """Whose server it is."""
        return self.traffic.declared

    def _user(self, number: int) -> str:
        """The users of most activity, each once."""
        people = self.traffic.people
        return people.users[int(np.argsort(-people.activity)[number % len(people.users)])]

    def _slate(self, user: str) -> Document:
        placement = next(iter(self.declared.placements))
        body = {"user_id": user, "placement": placement}
        status, answer = ask(self.server.address, "POST", f"/v1/{self.declared.name}/slates", body)
        found: Document = json.loads(answer) if status == OK else {}
        return found

    def _post(self, number: int, user: str, item: str, kind: str | None) -> Document:
        event = self.traffic.event_of(f"{self.traffic.run}-fresh-{number}", user, item, kind)
        ask(self.server.address, "POST", f"/v1/{self.declared.name}/events", event)
        return event

    def _until(self, user: str, shown: Callable[[Document], bool]) -> tuple[float, int]:
        """Seconds since the event was acknowledged, and how many slates were asked for."""
        acknowledged, asked = time.perf_counter(), 0
        while (waited := time.perf_counter() - acknowledged) < LONGEST:
            slate, asked = self._slate(user), asked + 1
            if slate and shown(slate):
                return time.perf_counter() - acknowledged, asked
        return waited, asked
