"""The online store in Redis: shared by processes of many machines, one of which writes.

Everything a store holds lies behind one prefix whose braces keep it on one node of a cluster. Redis must not evict keys
(`maxmemory-policy noeviction`, its default): the store would answer from what is left.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ml.errors import BadInput, RunFailed
from ml.serving.events import LiveEvent
from ml.serving.online import redis_scripts as scripts
from ml.serving.online.contract import in_order, key_digest, user_key
from ml.serving.online.errors import StoreGone

WRITE_SECONDS = 5.0
T = TypeVar("T")


class RedisStore:
    """`Store` in a Redis server; every method raises `StoreGone` where that does not answer in time.

    Args:
        url: `redis://host:6379/0`, `rediss://…` or `unix:///path`.
        prefix: Of all keys.
        only_filled: Reads raise `StoreGone` until a log has filled the store, and after it has lost its data.
        seconds: How long a read may take.

    Raises:
        BadInput: The address is none.
    """

    embedded = False

    def __init__(self, url: str, prefix: str, only_filled: bool = False, seconds: float = 0.02) -> None:
        self._prefix, self._only_filled = prefix, only_filled
        self._writer = ""
        self._reads, self._writes = _client(url, seconds), _client(url, max(seconds, WRITE_SECONDS))
        self._scripts = {
            name: self._writes.register_script(getattr(scripts, name))
            for name in ("APPLY", "PUT_ITEM", "ERASE", "FORGET_ERASED", "CLAIM")
        }

    def apply(self, events: Sequence[LiveEvent], *, at: int | None = None) -> list[bool]:
        """See `Store`."""
        told = [part for each in events for part in (key_digest(each.event_id), user_key(each), each.line())]
        return [bool(new) for new in self._run("APPLY", at, told)]

    def knows(self, event_ids: Sequence[str]) -> list[bool]:
        """See `Store`."""
        if not event_ids:
            return []
        with _errors():
            found = self._reads.smismember(self._key("seen"), [key_digest(each) for each in event_ids])
        return [bool(each) for each in found]

    def versions(self, user_keys: Sequence[str]) -> list[int]:
        """See `Store`."""
        if not user_keys:
            return []
        (heads,) = self._read(lambda pipe: pipe.hmget(self._key("heads"), list(user_keys)))
        return [int(head or 0) for head in heads]

    def events_of(self, user_keys: Sequence[str]) -> list[list[LiveEvent]]:
        """See `Store`."""
        found = self._read(lambda pipe: [pipe.lrange(self._key(f"user:{user}"), 0, -1) for user in user_keys])
        return [in_order(LiveEvent.of_line(each.partition(b" ")[2]) for each in entries) for entries in found]

    def since(self, sequence: int, limit: int = 10_000) -> list[tuple[int, LiveEvent]]:
        """See `Store`."""
        (found,) = self._read(lambda pipe: pipe.xrange(self._key("feed"), sequence + 1, "+", count=limit))
        return _entries(found)

    def last(self) -> int:
        """See `Store`."""
        with _errors():
            return int(self._reads.get(self._key("last")) or 0)

    def put_item(self, item_id: str, told: bytes, *, at: int | None = None) -> int:
        """See `Store`."""
        return int(self._run("PUT_ITEM", at, [item_id, told]))

    def items_since(self, sequence: int) -> list[tuple[int, str, bytes]]:
        """See `Store`."""
        (items,) = self._read(lambda pipe: pipe.zrange(self._key("item_feed"), f"({sequence}", "+inf", byscore=True))
        if not items:
            return []
        (told,) = self._read(lambda pipe: pipe.hmget(self._key("items"), items))
        split = [(item, *each.split(b" ", 1)) for item, each in zip(items, told, strict=True) if each is not None]
        return sorted((int(at), item.decode(), content) for item, at, content in split)

    def erase(self, user_key: str, *, at: int | None = None) -> int:
        """See `Store`."""
        return int(self._run("ERASE", at, [user_key]))

    def erased(self) -> list[str]:
        """See `Store`."""
        (found,) = self._read(lambda pipe: pipe.smembers(self._key("erased")))
        return sorted(each.decode() for each in found)

    def forget_erased(self, user_keys: Sequence[str], *, at: int | None = None) -> None:
        """See `Store`."""
        self._run("FORGET_ERASED", at, list(user_keys))

    def claim(self, writer: str) -> str:
        """See `Store`."""
        with _errors():
            holder: str = self._scripts["CLAIM"](keys=[self._prefix], args=[writer]).decode()
        self._writer = writer if holder == writer else ""
        return holder

    def mark_filled(self) -> None:
        """See `Store`."""
        with _errors():
            self._writes.set(self._key("filled"), self._writer or "nobody")

    def filled_by(self) -> str | None:
        """See `Store`."""
        with _errors():
            writer, filled = self._reads.mget(self._key("writer"), self._key("filled"))
        return writer.decode() if writer is not None and filled is not None else None

    def clear(self) -> None:
        """See `Store`."""
        with _errors():
            self._writes.delete(self._key("filled"), self._key("writer"))
            cursor = -1
            while cursor:
                cursor, users = self._writes.hscan(self._key("heads"), max(cursor, 0), count=1000)
                if users:
                    self._writes.unlink(*(self._key("user:") + user for user in users))
            self._writes.unlink(*map(self._key, ("last", "seen", "feed", "heads", "items", "item_feed", "erased")))
        self._writer = ""

    def close(self) -> None:
        """See `Store`."""
        self._reads.close()
        self._writes.close()

    def _key(self, name: str) -> bytes:
        return f"{self._prefix}:{name}".encode()

    def _run(self, name: str, at: int | None, arguments: Sequence[Any]) -> Any:
        with _errors():
            return self._scripts[name](keys=[self._prefix], args=[at or 0, self._writer if at else "", *arguments])

    def _read(self, ask: Callable[[Any], object]) -> list[Any]:
        """Answers of one state of the store. Raises `StoreGone` where it is not filled."""
        with _errors():
            pipe = self._reads.pipeline(transaction=True)
            pipe.exists(self._key("filled"))
            ask(pipe)
            filled, *found = list(pipe.execute())
        if self._only_filled and not filled:
            raise StoreGone("the online store lost its data, or is being filled from the event log")
        return found


def _entries(found: Sequence[tuple[bytes, dict[bytes, bytes]]]) -> list[tuple[int, LiveEvent]]:
    return [(int(at.partition(b"-")[0]), LiveEvent.of_line(fields[b"l"])) for at, fields in found]


def _client(url: str, seconds: float) -> Any:
    try:
        return redis.Redis.from_url(
            url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=Retry(NoBackoff(), 0), protocol=2
        )
    except ValueError as error:
        raise BadInput(f"SLATE_ONLINE_STORE is no address of a Redis server: {error}") from None


@contextmanager
def _errors() -> Iterator[None]:
    """Redis' errors as ours."""
    try:
        yield
    except redis.ResponseError as error:
        if str(error).startswith(scripts.BEHIND):
            raise RunFailed(f"the online store lost its end or two logs write it: {error}") from None
        raise StoreGone(f"the online store cannot answer: {error}") from None
    except (redis.RedisError, OSError) as error:
        raise StoreGone(f"the online store does not answer: {type(error).__name__}") from None
