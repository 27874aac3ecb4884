"""The profiles of the users who ask, made anew when they did something or when time has passed."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Lock
from typing import Protocol

from ml.logs import get_logger
from ml.serving.engine.building import build_profile
from ml.serving.engine.profile import Finds, Profile
from ml.serving.engine.release import Release
from ml.serving.events import LiveEvent
from ml.serving.online.contract import ERASED
from ml.serving.online.errors import StoreGone

MOST = 10_000  # profiles kept: a heavy one takes some 100 kB
FRESH = 1_800_000_000  # microseconds for which features and what was found stand while nothing happens
RECENT = 60_000_000  # microseconds for which a profile of whom nothing is new is as good as one of now
DISMISSED = 20  # profiles let go of at once
RESTS = 300_000_000  # microseconds for which what was found is not found anew while little happens
log = get_logger(__name__)


class Happenings(Protocol):
    """What profiles ask of the online store; both raise `StoreGone` rather than wait."""

    def versions(self, user_keys: Sequence[str]) -> list[int]:
        """Sequence number of each user's latest entry; 0: nothing happened, `ERASED`: the user was forgotten."""

    def events_of(self, user_keys: Sequence[str]) -> list[list[LiveEvent]]:
        """The events of each user, oldest first."""

    def erased(self) -> Sequence[str]:
        """Everybody who was forgotten."""


class Profiles:
    """A bounded number of profiles of one release."""

    def __init__(
        self, release: Release, happenings: Happenings | None, most: int = MOST, erased: frozenset[str] | None = None
    ) -> None:
        self._release, self._happenings, self.most = release, happenings, most
        self._kept: OrderedDict[str, Profile] = OrderedDict()
        self._lock = Lock()
        self._strangers = 0, Finds()
        self._nobody: Profile | None = None
        self._erased = frozenset(happenings.erased() if happenings else ()) if erased is None else erased

    def of(self, keys: Sequence[str], moment: int) -> list[Profile]:
        """The profile of each user as of now; where the store does not answer, as it was last known or sealed."""
        versions, live = self._versions(keys)
        kept = [self._at_hand(key, version, moment) for key, version in zip(keys, versions, strict=True)]
        wanted = [row for row, profile in enumerate(kept) if profile is None]
        events, live = self._events([keys[row] for row in wanted], live)
        for row, happened in zip(wanted, events, strict=True):
            known = None if live else self._last_known(keys[row])
            version = max(versions[row] or 0, 0)
            kept[row] = known or self._followed(self._build(keys[row], version, happened, moment, live=live))
        return [profile for profile in kept if profile is not None]

    def _followed(self, profile: Profile) -> Profile:
        """Keep a profile that follows the one before; candidates are found anew where much has changed, or by and by."""
        with self._lock:
            before = self._kept.get(profile.key)
        recent = before is not None and before.live and profile.moment - before.moment < FRESH
        return self.keep(profile.carrying(before) if before is not None and recent else profile)

    def made(self, key: str, moment: int) -> Profile:
        """The profile as of now or a moment ago, before the user asks for anything; raises `StoreGone`."""
        version = 0 if self._happenings is None else self._happenings.versions([key])[0]
        kept = self._at_hand(key, version, moment)
        if kept is not None and moment - kept.moment <= RECENT:
            return kept
        happened = () if self._happenings is None else self._happenings.events_of([key])[0]
        return self._followed(self._build(key, max(version, 0), happened, moment, live=True))

    def keep(self, profile: Profile) -> Profile:
        """Take a profile in the place of the user's last one, whose last slates stay with it."""
        with self._lock:
            before = self._kept.get(profile.key)
            if before is not None:
                profile.pools.update(before.pools)
            self._kept[profile.key] = profile
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)
        return profile

    def aged(self, moment: int, count: int) -> list[str]:
        """Users whose profiles will soon be too old, those who asked last first."""
        with self._lock:
            old = [key for key, profile in self._kept.items() if moment - profile.moment > FRESH // 2]
        return list(reversed(old))[:count]

    def is_kept(self, key: str) -> bool:
        """Whether there is a profile of this user."""
        return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def at_hand(self, key: str, moment: int) -> Profile:
        """What is known without asking the store: the profile as it was, or what was sealed."""
        with self._lock:
            found = self._kept.get(key)
        return found or self._build(key, 0, (), moment, live=False, featured=False)

    def latest(self, count: int) -> list[str]:
        """The users who asked last, the latest first: another release makes their profiles before it takes over."""
        with self._lock:
            return [key for key in reversed(self._kept) if key][:count]

    def moved(self, release: Release) -> "Profiles":
        """The same users of a release with other items."""
        other = Profiles(release, self._happenings, self.most, self._erased)
        if release.bundle.knowledge.outputs == "owned":  # what users have not is as long as the catalogue
            return other
        with self._lock:
            other._kept = self._kept.copy()
        return other

    def forget(self, key: str) -> None:
        """Nothing of this user is used from now on."""
        with self._lock:
            self._erased |= {key}
            self._kept.pop(key, None)

    def dismiss(self, let_others: Callable[[], object]) -> None:
        """Let go of everybody, a few at a time: to free all of them at once takes as long as some slates.

        Args:
            let_others: Called in between: it may wait, so that nobody who asks meanwhile does.
        """
        while self._kept:
            with self._lock:
                gone = [self._kept.popitem() for _ in range(min(len(self._kept), DISMISSED))]
            gone.clear()  # what nobody else holds is freed here
            let_others()

    def _versions(self, keys: Sequence[str]) -> tuple[list[int | None], bool]:
        """The store's, with None for what nobody can tell now."""
        if self._happenings is None:
            return [0] * len(keys), True
        try:
            return list(self._happenings.versions(keys)), True
        except StoreGone:
            return [None] * len(keys), False

    def _events(self, keys: Sequence[str], live: bool) -> tuple[list[Sequence[LiveEvent]], bool]:
        if self._happenings is None or not live or not keys:
            return [()] * len(keys), live
        try:
            return list(self._happenings.events_of(keys)), True
        except StoreGone:
            return [()] * len(keys), False

    def _last_known(self, key: str) -> Profile | None:
        """The profile of a user while the store does not answer; what was found for it stays with it."""
        with self._lock:
            found = self._kept.get(key)
        return None if found is None else replace(found, live=False)

    def _at_hand(self, key: str, version: int | None, moment: int) -> Profile | None:
        if version == ERASED and key not in self._erased:
            self.forget(key)  # another process was told
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept.move_to_end(key)
        if version is None:
            return replace(found, live=False)
        fresh = abs(moment - found.moment) < FRESH and found.latest < moment <= found.coming and found.live
        return found if fresh and found.version == max(version, 0) else None

    def _build(
        self, key: str, version: int, events: Sequence[LiveEvent], moment: int, *, live: bool, featured: bool = True
    ) -> Profile:
        sealed = key not in self._erased
        if not events and (not sealed or self._release.user_row(key) < 0):
            return self._stranger(key, version, moment, live=live, sealed=sealed)
        profile = build_profile(
            self._release, key, version, events, moment, live=live, sealed=sealed, featured=featured
        )
        if profile.stranger and live:
            profile = replace(profile, found=self._found_for_strangers(moment))
        return profile

    def _stranger(self, key: str, version: int, moment: int, *, live: bool, sealed: bool) -> Profile:
        """Somebody of whom nothing is known, as all of those are."""
        if self._nobody is None:
            self._nobody = build_profile(self._release, "", 0, (), moment)
        number = self._release.number(key, sealed=sealed)
        found = self._found_for_strangers(moment) if live else Finds()
        return replace(
            self._nobody, key=key, number=number, version=version, moment=moment, live=live, found=found, pools={}
        )

    def _found_for_strangers(self, moment: int) -> Finds:
        """What was found for those of whom nothing is known: the same for all of them."""
        since, found = self._strangers
        if abs(moment - since) >= FRESH or len(found.known) > MOST:
            self._strangers = since, found = moment, Finds()
        return found


def rests(profile: Profile, moment: int) -> bool:
    """Whether what was found for the profile before stands for a while, so that many events cost one search."""
    return profile.carries and 0 <= moment - profile.found_at < RESTS
