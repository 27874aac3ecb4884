"""What the HTTP app asks of each domain: the engine, the event log and the catalogue behind one name."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ml.serving.contract import ServedSlate, SlateRequest
from ml.serving.events import LiveEvent


class Receipt(Protocol):
    """How many events of a call were new, and how many had been accepted before."""

    @property
    def accepted(self) -> int:
        """Events that are durable now and were not known."""

    @property
    def duplicates(self) -> int:
        """Events whose `event_id` was known: they changed nothing."""


class DomainService(Protocol):
    """One domain. Blocking methods are called from worker threads, several at once; the others from the event loop."""

    @property
    def domain(self) -> str:
        """The name that stands in addresses."""

    @property
    def version(self) -> int | None:
        """Version of the model that answers now; None: none is loaded yet. Does not block."""

    def now(self) -> int:
        """Microseconds since 1970 UTC by the clock that slates go by, which historic data have of their own."""

    def ready(self) -> str | None:
        """Why slates cannot be answered yet, for people; None: they can. Does not block."""

    async def answer(self, request: SlateRequest) -> ServedSlate:
        """One slate, from the event loop (a micro-batcher's way in). Raises as `recommend` does."""

    def recommend(self, request: SlateRequest) -> ServedSlate:
        """One slate; blocking. Raises `BadInput` where the request asks for what is not declared."""

    def similar(self, item_id: str, k: int) -> list[dict[str, Any]]:
        """The items most like one; blocking. Raises `BadInput` for an unknown item."""

    async def accept(self, events: Sequence[LiveEvent]) -> Receipt:
        """Take events in, from the event loop, until they are durable.

        Raises `NotDurable` or `StoreGone`: send them again; `BadInput`: one of them is not what it may be.
        """

    def put_item(self, item_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Change what is told of an item; blocking.

        Args:
            item_id: The item, which need not be known yet.
            fields: Columns of `ml.data.schema.ITEMS` that are told, null where they are told as not known; times are
                microseconds since 1970 UTC, attributes one JSON object as text.
        """

    def erase(self, user_id: str) -> dict[str, Any]:
        """Forget a user; blocking. What went, by what it was."""

    def shown(self, slate: ServedSlate) -> None:
        """Keep the impression of a slate that is about to be sent. Does not block."""

    def facts(self) -> dict[str, Any]:
        """Numbers for `/metrics`, by name (`version`, `freshness_seconds`, …); whatever is no number is left out."""
