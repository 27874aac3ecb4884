"""Who may do what, by which name, how often, and how many at a time."""

import hashlib
import hmac
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from pydantic import SecretStr

from ml.errors import BadInput
from ml.serving.http.answers import Refused

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not listened on
_BEARER = "bearer "
SHUT_SECONDS = 0.02  # for which nobody is let in after somebody was turned away: what queues keeps the engine busy
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s\[\]/@:]+?)\.?)(?::\d*)?", re.IGNORECASE)
_REMEMBERED, _LONGEST = 1024, 256  # spellings of the header, and characters of one


@dataclass(frozen=True)
class Tokens:
    """What writers and administrators must show; None: nothing, which only loopback may be served with."""

    write: SecretStr | None = None
    admin: SecretStr | None = None

    def check_host(self, host: str) -> None:
        """Raise `BadInput` where others than this machine could write without a token."""
        if host in LOOPBACK:
            return
        for name in ("write", "admin"):
            token: SecretStr | None = getattr(self, name)
            if token is None or not token.get_secret_value():
                raise BadInput(
                    f"{host} can be reached by others, who could {name} without a token: "
                    f"set SLATE_{name.upper()}_TOKEN, or serve on 127.0.0.1"
                )

    def role(self, authorization: str | None) -> str | None:
        """`admin` or `write` for whoever shows its token, None for anybody else."""
        shown = (authorization or "").strip()
        if shown[: len(_BEARER)].lower() != _BEARER:
            return None
        shown = shown[len(_BEARER) :].strip()
        for name, token in (("admin", self.admin), ("write", self.write)):
            if token is not None and _same(shown, token.get_secret_value()):
                return name
        return None

    def check(self, needed: str, authorization: str | None) -> None:
        """Raise `Refused` (401) where a token is needed and not shown; an administrator may write too."""
        token = self.admin if needed == "admin" else self.write
        if token is None:
            return
        if self.role(authorization) not in {"admin", needed}:
            raise Refused(
                401,
                "Authorization",
                f"a token to {needed} is needed",
                f"Send `Authorization: Bearer …` with the token of SLATE_{needed.upper()}_TOKEN.",
                headers=((b"www-authenticate", b"Bearer"),),
            )


class Hosts:
    """The names by which the server may be asked.

    A page of any site can have its own name point at this machine (DNS rebinding): the browser then lets it read what
    is answered, loopback or not. It still sends that name as `Host`, by which it is told from whoever may ask.

    Args:
        listening: Address that is listened on; where that is any of the machine's, each may be named in digits.
        named: Further names, without ports; empty ones count for nothing.
    """

    def __init__(self, listening: str = "127.0.0.1", named: Iterable[str] = ()) -> None:
        further = {name.strip().lower() for name in named} - {""}
        self._names, self._digits = LOOPBACK | {listening.lower()} | further, listening in ANY_ADDRESS
        self._allowed = lru_cache(_REMEMBERED)(self._is_allowed)

    def check(self, host: str | None) -> None:
        """Raise `Refused` (400) where the `Host` of a request is none of the server's names."""
        if host is None or len(host) > _LONGEST or not self._allowed(host):
            raise Refused(
                400, "Host", f"this server is not to be asked as {(host or '')[:64]!r}",
                "Ask by localhost or the address that it listens on, or add the name to SLATE_HOSTS.",
            )  # fmt: skip

    def _is_allowed(self, host: str) -> bool:
        parts = _HOST.fullmatch(host)
        name = (parts[1] or parts[2]).lower() if parts else ""
        return name in self._names or (self._digits and _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _same(shown: str, token: str) -> bool:
    """In a time that tells neither content nor length."""
    digests = (hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest() for text in (shown, token))
    return hmac.compare_digest(*digests)


class RateLimit:
    """A token bucket a client, in bounded memory.

    Args:
        per_second: Requests a second on average; None: no limit.
        burst: Requests at once.
        clients: Clients remembered.
    """

    def __init__(self, per_second: float | None, burst: int, clients: int) -> None:
        self._per_second, self._burst, self._clients = per_second, burst, clients
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left, and when (seconds)

    def __len__(self) -> int:
        """Clients remembered."""
        return len(self._buckets)

    def wait(self, client: str, now: float) -> float:
        """Seconds until this client may come again; 0: it may now, and has.

        Args:
            client: Token or address.
            now: Seconds of a clock that never goes back.
        """
        if self._per_second is None:
            return 0.0
        left, since = self._buckets.pop(client, (float(self._burst), now))
        left = min(float(self._burst), left + (now - since) * self._per_second)
        allowed = left >= 1
        self._buckets[client] = (left - 1 if allowed else left, now)
        if len(self._buckets) > self._clients:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self._per_second


Soon = Callable[[Callable[[], None]], object]


class Shed(Refused):
    """Turned away as too many slates are under way."""


class Shield:
    """Bounds the slates under way, so that those which are answered are answered in time."""

    def __init__(self, maximum: int, retry_after: int) -> None:
        self._maximum, self._retry_after = maximum, retry_after
        self.under_way = 0
        self._coming = 0  # let in, but their routes have not begun
        self._shut_until = 0.0

    @property
    def is_full(self) -> bool:
        """Whether as many are under way as may be."""
        return self.under_way >= self._maximum

    @property
    def is_shut(self) -> bool:
        """Whether somebody was turned away a moment ago: whoever comes now would be too."""
        return time.monotonic() < self._shut_until

    def lets_in(self, soon: Soon) -> bool:
        """Whether one more may be read.

        Under a flood, the event loop reads hundreds of requests before the route of the first begins. They count from
        here: to read all of them, only for their routes to turn them away, would take longer than what it is to avoid.

        Args:
            soon: Calls what it is handed when the routes of those that were read begin.
        """
        if self.is_shut:
            return False
        if self.under_way + self._coming >= self._maximum:
            self.turn_away()
            return False
        if not self._coming:
            soon(self._have_come)
        self._coming += 1
        return True

    def _have_come(self) -> None:
        self._coming = 0

    def check(self) -> None:
        """Raise `Shed` where too many are under way."""
        if self.is_full:
            raise self.turn_away()

    @property
    def said(self) -> Shed:
        """What whoever is turned away is told."""
        return Shed(503, None, "too many slates are under way", "Send the request again later.", self._retry_after)

    def turn_away(self) -> Shed:
        """Turn somebody away, and whoever comes in the next moment without reading what they send."""
        self._shut_until = time.monotonic() + SHUT_SECONDS
        return self.said

    @contextmanager
    def one(self) -> Iterator[None]:
        """One more under way; raises as `check`."""
        self.check()
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1
