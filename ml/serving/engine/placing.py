"""What retrievers found for a request, without what that leaves out, put in its place among the candidates."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from ml.ranking.candidates import SideBySide
from ml.retrieval.contract import best_of
from ml.serving.engine.asking import NONE, Ask, Asked, ragged
from ml.serving.engine.finding import Told, known
from ml.serving.engine.profile import Found, Lasting
from ml.serving.engine.release import Release

NOBODY: frozenset[str] = frozenset()
NOTHING_FOUND = Found(NONE, np.zeros(0, np.float32), False, 0)


@dataclass(frozen=True)
class Placing:
    """Puts what was found for each request, without what that leaves out, in its place."""

    release: Release
    asked: Asked
    room: SideBySide
    told: Told

    def of(self, name: str, row: int, found: Found) -> bool:
        """What one retriever found; False: too little is known."""
        from ml.serving.engine.placing_kernel import place

        exclude, (start, stop) = self.asked.asks[row].exclude, self.room.columns[name]
        count = place(found.item, found.score, exclude, self.room.item, self.room.score, row, start, stop)
        return count == stop - start or found.whole or not len(exclude) or self._anew(name, row)

    def lasting(self, row: int, missing: set[str]) -> frozenset[str]:
        """What all found for which the session of a request changes nothing, where that is known.

        Args:
            row: Of the request.
            missing: Takes the names of those of whom too little is known.

        Returns:
            Their names.
        """
        from ml.serving.engine.placing_kernel import place_all

        ask = self.asked.asks[row]
        columns = self.release.columns[ask.plan.name, bool(ask.session)]
        found = _lasting(self.release, ask, columns.named)
        if found is None:
            return NOBODY
        short = place_all(
            found.item, found.score, found.end, ask.exclude, self.room.item, self.room.score, row, columns.start,
            columns.stop,
        )  # fmt: skip
        if short and len(ask.exclude):
            for at, name in enumerate(self.release.reads):
                if short >> at & 1 and not found.whole[at] and not self._anew(name, row):
                    missing.add(name)
        return columns.named

    def _anew(self, name: str, row: int) -> bool:
        """Ask a retriever about all but what a request leaves out: of what was found, that is too much."""
        from ml.serving.engine.placing_kernel import place

        ask, recommender = self.asked.asks[row], self.release.bundle.recommender
        (start, stop), item, score = self.room.columns[name], self.room.item, self.room.score
        item[row, start:stop], score[row, start:stop] = -1, -np.inf
        try:
            one = recommender.visible.requests(self.asked.requests.take(np.array([row])))
            without = ask.exclude if ask.profile.barred is None else np.union1d(ask.exclude, ask.profile.barred)
            exclude = ragged([without.astype(np.int32)])
            found = best_of(recommender.retrievers[name], one, recommender.quotas[name], exclude)
        except Exception as error:  # noqa: BLE001 - one retriever that fails must not take the slate with it
            self.told(name, error)
            return False
        place(found.item[0], found.score[0], NONE, item, score, row, start, stop)
        return True


def _lasting(release: Release, ask: Ask, named: frozenset[str]) -> Lasting | None:
    """What retrievers found for a profile without a session; None where that of one of these is not known."""
    finds = ask.profile.found
    last = finds.lasting
    if last is not None and last.reach is release.reach and named <= last.named:
        return last
    found = {name: each for name in release.reads if (each := known(release, name, ask.profile, ())) is not None}
    if not named <= found.keys():
        return None
    finds.lasting = last = _joined(release, found)
    begin = 0
    for name, end in zip(release.reads, last.end.tolist(), strict=True):
        if name in found and release.reads[name].user:  # kept once, and not with all that was found for others
            own = Found(last.item[begin:end], last.score[begin:end], found[name].whole, found[name].among)
            finds.known[name, ()] = own
        begin = end
    return last


def _joined(release: Release, found: Mapping[str, Found]) -> Lasting:
    """What these found, one behind the other."""
    parts = [found.get(name, NOTHING_FOUND) for name in release.reads]
    return Lasting(
        frozenset(found),
        np.concatenate([each.item for each in parts]),
        np.concatenate([each.score for each in parts]),
        np.array([*accumulate(len(each.item) for each in parts)], np.int64),
        tuple(each.whole for each in parts),
        release.reach,
    )
