"""What everybody did since a bundle was sealed, as traces that are added to the sealed ones."""

import numpy as np

from ml.data.arrays import Ints
from ml.features.item_evaluation import LetOthers, Since
from ml.features.trace import Trace
from ml.serving.engine.describing import Describing
from ml.serving.events import LiveEvent
from ml.serving.online.contract import user_key

MERGED = 32  # users whose traces are made whole without a pause


class Lately:
    """The events since the sealing, a row a user; each is described once, and again where more is told of its item.

    Whether an event opens a session or a pair is told of all that its user did. Mostly that needs to be found out when
    it comes, and never again: what was sealed stands, and the later events are added to it. Of a user of whom an event
    came that lies before a sealed one, all is counted anew.
    """

    def __init__(self, kinds: tuple[str, ...]) -> None:
        self._row: dict[str, int] = {}  # of everybody who did something
        self._trace = Trace.empty(kinds, 0)  # of the first of them: all but what is fresh, and without what was sealed
        self._late: frozenset[int] = frozenset()  # rows of those of whom all is counted anew
        self._fresh: list[LiveEvent] = []
        self._told: tuple[str, ...] = ()  # items of which more is known than when `_trace` was described

    def add(self, event: LiveEvent) -> None:
        """Take one more in."""
        self._row.setdefault(user_key(event), len(self._row))
        self._fresh.append(event)

    def take_over(self, before: "Lately", told: tuple[str, ...]) -> None:
        """Go on from what is known to another, which may go on itself meanwhile.

        In this order nothing of it is lost, and what comes twice counts once.

        Args:
            before: Of the same bundle with fewer items.
            told: Identifiers of the items that are new, or of which something is.
        """
        self._fresh, self._told = [*before._fresh], (*before._told, *told)
        self._late, self._trace = before._late, before._trace
        self._row = before._row.copy()

    def since(self, describing: Describing, let_others: LetOthers) -> list[Since]:
        """What item features are computed from beside the sealed traces.

        Args:
            describing: By the bundle as it is now.
            let_others: Called every few milliseconds.
        """
        sealed = describing.bundle.traces.trace
        users = describing.bundle.users.encode(np.array(list(self._row), object)).astype(np.int64)
        self._take_in(describing, sealed, users, let_others)
        late = np.array(sorted(self._late), np.int64)
        rows = np.arange(len(users))
        rows[late] = -1
        found = [Since(self._trace.take(rows) if len(late) else self._trace, np.full(len(users), -1))]
        for start in range(0, len(late), MERGED):
            part = late[start : start + MERGED]
            found.append(Since(sealed.take(users[part]).merged(self._trace.take(part)), users[part]))
            let_others()
        return found

    def _take_in(self, describing: Describing, sealed: Trace, users: Ints, let_others: LetOthers) -> None:
        """Describe what is fresh, and find out what its users did first."""
        known = describing.again(self._trace, self._told).widened(len(users))
        row = np.array([self._row[user_key(event)] for event in self._fresh], np.int64)
        item = describing.bundle.items.encode(np.array([event.item_id for event in self._fresh], object))
        fresh = describing.trace(len(users), row.tolist(), item, self._fresh)
        touched, parts, late = np.unique(row), [known], []
        for start in range(0, len(touched), MERGED):
            part = touched[start : start + MERGED]
            lately = known.take(part).merged(fresh.take(part))
            added, before = sealed.take(users[part]).added_by(lately)
            parts.append(added)
            late += part[before].tolist()
            let_others()
        place = np.arange(len(users))
        place[touched] = len(users) + np.arange(len(touched))
        self._late |= frozenset(late)  # first: whoever takes over meanwhile counts anew what need not be
        self._trace = Trace.stacked(parts).take(place) if len(touched) else known
        self._fresh, self._told = [], ()
