"""Following the alias `champion`: another version is opened, checked and warmed beside the one that answers."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ml.domains import Domain
from ml.errors import RunFailed
from ml.features.item_evaluation import LetOthers
from ml.logs import get_logger
from ml.serving.beside import let_slates_first
from ml.serving.contract import SessionEvent, SlateRequest
from ml.serving.engine.engine import SlateEngine
from ml.serving.engine.release import Release
from ml.serving.online.contract import is_anonymous

EVERY = 5.0  # seconds between two looks at the alias
AGAIN = 60.0  # seconds after which a version that was refused is tried again
WARM_SECONDS = 30.0  # for which candidates are found before a version takes over, for those who asked last first
FEW, TOGETHER = 3, 8
log = get_logger(__name__)

Champion = Callable[[], int | None]  # the version that the alias points at
Changed = Callable[[SlateEngine], SlateEngine]
Opened = Callable[[int, LetOthers], SlateEngine]  # raises `RunFailed` where the bundle is not what was sealed


def warm(engine: SlateEngine, users: Sequence[str] = (), let_others: LetOthers = lambda: None) -> None:
    """Answer once at every placement, and find candidates for these users or else some who were sealed.

    What is compiled or read lazily is then, and nobody waits for it.

    Args:
        engine: Which answers nobody yet.
        users: Who asked last, the latest first: for so many of them as there is time for.
        let_others: Called again and again.
    """
    release = engine.release
    users = users or [str(user) for user in release.bundle.users.ids[:FEW]]
    release.featuring.ready(let_others)
    for name, plan in release.plans.items():
        anchor = release.item_ids[0] if plan.placement.anchored and release.item_ids else None
        if anchor or not plan.placement.anchored:
            named = [user for user in users[:FEW] if not is_anonymous(user)]
            asked = [(user, session) for session in ((), _session(release)) for user in (None, *named)]
            requests = [SlateRequest(name, user_id=user, anchor=anchor, session=session) for user, session in asked]
            engine.cheap(requests)
            engine.recommend_many(requests)
    until = time.monotonic() + WARM_SECONDS
    for start in range(0, len(users), TOGETHER):
        if time.monotonic() < until:
            engine.prepare(users[start : start + TOGETHER], let_others)


def _session(release: Release) -> Sequence[SessionEvent]:
    """One of the first item, as of somebody who just took it."""
    liked = [kind for kind, weight in release.domain.event_weights.items() if weight > 0]
    return [SessionEvent(item, kind, 0) for item in release.item_ids[:1] for kind in liked[:1]]


@dataclass(frozen=True)
class Refused:
    """A version that was not taken, and why."""

    version: int
    reason: str
    at: float = field(default_factory=time.monotonic)

    def stands(self, version: int) -> bool:
        """Whether it is too early to try this version: the reason may have been a passing one."""
        return self.version == version and time.monotonic() - self.at < AGAIN


class Follower:
    """Holds the engine that answers, and swaps it when the alias moves.

    A request takes the engine once and is answered by it whole, so no slate mixes two versions. The engine before
    lives until its last request is answered.
    """

    def __init__(self, domain: Domain, champion: Champion, opened: Opened, every: float = EVERY) -> None:
        self.domain = domain
        self._champion, self._opened, self._every = champion, opened, every
        self._looking, self._changing, self._stop = threading.Lock(), threading.Lock(), threading.Event()
        self._engine: SlateEngine | None = None
        self._also: Changed = lambda engine: engine
        self.let_others: LetOthers = lambda: None  # while a version is opened and warmed, and the one before goes
        self.refused: Refused | None = None
        self.swaps = 0

    @property
    def engine(self) -> SlateEngine:
        """The engine of the moment; raises `RunFailed` where there is none yet."""
        if self._engine is None:
            raise RunFailed(f"{self.domain.name} has no champion to serve yet. Train and promote one: slate demo")
        return self._engine

    @property
    def version(self) -> int | None:
        """The version that answers."""
        return None if self._engine is None else self._engine.release.version

    def look(self) -> bool:
        """Take over the version that the alias points at; whether there was another one.

        A bundle that fails its checks is refused: the one before goes on answering.
        """
        with self._looking:
            wanted = self._champion()
            if wanted is None or wanted == self.version:
                self.refused = None
                return False
            if self.refused and self.refused.stands(wanted):
                return False
            try:
                engine = self._also(self._opened(wanted, self.let_others))
                last = self._engine.profiles.latest(self._engine.profiles.most) if self._engine else ()
                warm(engine, last, self.let_others)
                with self._changing:  # what came while it was warmed
                    before, self._engine, self.refused = self._engine, self._also(engine), None
            except Exception as error:  # whatever is wrong with a version, the one before goes on
                self.refused = Refused(wanted, str(error))
                log.exception("%s: version %d is refused", self.domain.name, wanted)
                if self._engine is None:
                    raise
                return False
            self.swaps += 1
            log.info("%s: version %d answers", self.domain.name, wanted)
            if before:
                before.profiles.dismiss(self.let_others)
            return True

    def change(self, changed: Changed) -> None:
        """Let an engine that is made from the one of the moment take its place."""
        with self._changing:
            if self._engine is not None:
                self._engine = changed(self._engine)

    def also(self, changed: Changed) -> None:
        """What every version that comes is changed by before it answers."""
        self._also = changed
        self.change(changed)

    def follow(self) -> None:
        """Look at the alias every few seconds, in a thread of its own, until `close`."""
        threading.Thread(target=self._follow, name=f"slate-follow-{self.domain.name}", daemon=True).start()

    def close(self) -> None:
        """Stop following."""
        self._stop.set()

    def _follow(self) -> None:
        let_slates_first()
        while not self._stop.wait(self._every):
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - a registry that is away for a while is no reason to stop
                log.warning("%s: the registry cannot be asked: %s", self.domain.name, error)
