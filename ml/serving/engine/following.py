"""Following the alias `champion`: another version is opened, checked and warmed beside the one that answers."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ml.domains import Domain
from ml.errors import RunFailed
from ml.features.item_evaluation import LetOthers
from ml.logs import get_logger
from ml.serving.beside import let_slates_first
from ml.serving.engine.engine import SlateEngine
from ml.serving.engine.warming import warm

EVERY = 5.0  # seconds between two looks at the alias
AGAIN = 60.0  # seconds after which a version that was refused is tried again
log = get_logger(__name__)

Champion = Callable[[], int | None]  # the version that the alias points at
Changed = Callable[[SlateEngine], SlateEngine]
Opened = Callable[[int, LetOthers], SlateEngine]  # raises `RunFailed` where the bundle is not what was sealed


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
