"""What one client may ask for: every bound of the HTTP app in one place."""

from dataclasses import dataclass

MAXIMUM_ID = 256  # characters
MAXIMUM_TEXT = 10_000  # characters of a field of an item, such as its description
MAXIMUM_EVENTS = 1000  # of one call
MAXIMUM_SESSION = 200  # events told with a request
MAXIMUM_EXCLUDED = 1000
MAXIMUM_K = 100
MAXIMUM_CONTEXT = 16  # entries
MAXIMUM_ATTRIBUTES = 100  # entries
MICROSECONDS = 1_000_000
MAXIMUM_AHEAD = 24 * 3600 * MICROSECONDS  # how far a sender's clock may run ahead of ours


@dataclass(frozen=True)
class Limits:
    """What the app bears, for all clients together and for each.

    Attributes:
        body: Bytes of one request.
        slates: Slate requests under way, beyond which more are turned away at once.
        per_second: Requests that one client may send on average; None: as many as it likes.
        burst: Requests that one client may send at once.
        clients: Clients remembered; whoever was not seen for longest is forgotten first.
        threads: Blocking calls (similar items, erasures) at a time.
        retry_after: Seconds after which whoever was turned away may come again.
    """

    body: int = 1 << 20
    slates: int = 36
    per_second: float | None = 2000.0
    burst: int = 4000
    clients: int = 10_000
    threads: int = 32
    retry_after: int = 1
