"""The operations of the app, each with what it takes, what it answers, and examples of both."""

from dataclasses import dataclass, field
from typing import Any

from ml.serving.http import examples
from ml.serving.http.contract_bodies import EVENT, EVENTS, ITEM
from ml.serving.http.front import Endpoint
from ml.serving.http.limits import MAXIMUM_ID, MAXIMUM_K
from ml.serving.http.reading import schema_of
from ml.serving.http.routes import (
    SIMILAR,
    delete_user,
    get_health,
    get_metrics,
    get_readiness,
    get_similar,
    post_events,
    post_slate,
    put_item,
)
from ml.serving.http.slate_request import SlateBody

ABOUT = "Slates of recommendations, the events that they learn from, and the items that they are made of."
_CANNOT = {409: "What is served cannot do this: `message` says why."}
_TOO_BUSY = {429: "This client asked too often.", 503: "Not now: send it again after `Retry-After`."}
_NOT_OURS = {400: "The request names another host."}
_REFUSED = {
    400: "The body is no JSON, or the request names another host.",
    413: "The body is too long.",
    415: "The body is not said to be JSON.",
    422: "Something in the request is not as declared.",
}
_NO_TOKEN = {401: "A token is needed."}
_UNKNOWN = {404: "No such domain is served."}


@dataclass(frozen=True)
class Operation:
    """One address and method.

    Attributes:
        request: JSON Schema of the body, and examples by title.
        answer: JSON Schema of what a success is answered with, and an example.
        refusals: By status, what they mean.
        parameters: Of the query.
        token: Whether an `Authorization` header is read.
        often: Whether it comes so often that it is called without routing (see `Front`).
    """

    method: str
    path: str
    name: str
    endpoint: Endpoint
    summary: str
    description: str
    answer: tuple[dict[str, Any], Any]
    refusals: dict[int, str] = field(default_factory=dict)
    request: tuple[dict[str, Any], dict[str, Any]] | None = None
    parameters: tuple[dict[str, Any], ...] = ()
    token: bool = False
    often: bool = False

    @property
    def plain(self) -> bool:
        """Whether the answer is text, not JSON."""
        return isinstance(self.answer[1], str)

    def openapi(self) -> dict[str, Any]:
        """As OpenAPI 3.1 tells it, beside name and summary."""
        schema, example = self.answer
        kind = "text/plain" if self.plain else "application/json"
        told: dict[str, Any] = {
            "parameters": [*self._of_path(), *self.parameters],
            "responses": {
                "200": {"description": "Done.", "content": {kind: {"schema": schema, "example": example}}},
                **{str(status): _refusal(text) for status, text in sorted((_NOT_OURS | self.refusals).items())},
            },
        }
        if self.request:
            body, shown = self.request
            values = {title: {"value": value} for title, value in shown.items()}
            content = {"application/json": {"schema": body, "examples": values}}
            told["requestBody"] = {"required": True, "content": content}
        if self.token:
            told["security"] = [{"token": []}]
        return told

    @property
    def names(self) -> list[str]:
        """What its address names, such as the domain."""
        return [part[1:-1].partition(":")[0] for part in self.path.split("/") if part.startswith("{")]

    @property
    def address(self) -> str:
        """As OpenAPI writes it."""
        return self.path.replace(":path", "")

    def _of_path(self) -> list[dict[str, Any]]:
        schema = {"type": "string", "minLength": 1, "maxLength": MAXIMUM_ID}
        return [{"name": name, "in": "path", "required": True, "schema": schema} for name in self.names]


def _refusal(text: str) -> dict[str, Any]:
    error = {"$ref": "#/components/schemas/Refusal"}
    return {"description": text, "content": {"application/json": {"schema": error, "example": examples.REFUSAL}}}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


_EVENTS_BODY = {"anyOf": [schema_of(EVENT)[0], schema_of(EVENTS)[0]]}
_NUMBER_OR_NULL = {"type": ["number", "null"]}
_TEXT, _TEXT_OR_NULL = {"type": "string"}, {"type": ["string", "null"]}
_TEXTS = {"type": "array", "items": _TEXT}
_SLATE = _object(
    slate_id=_TEXT,
    model_version={"type": "integer"},
    degraded=_TEXT_OR_NULL,
    items={
        "type": "array",
        "items": _object(
            item_id=_TEXT,
            position={"type": "integer", "minimum": 1},
            score=_NUMBER_OR_NULL,
            propensity={"type": "number", "minimum": 0, "maximum": 1},
            sources=_TEXTS,
            reasons=_TEXTS,
        ),
    },
    timings_ms={"type": "object", "additionalProperties": {"type": "number"}},
    features_as_of={
        "type": "integer",
        "description": "Microseconds since 1970 UTC: what the user did until then counts.",
    },
    shortfall=_TEXT_OR_NULL,
    removed={"type": "object", "additionalProperties": {"type": "integer"}},
    rules=_TEXTS,
)
_K = {
    "name": "k", "in": "query", "required": False, "description": "How many items.",
    "schema": {"type": "integer", "minimum": 1, "maximum": MAXIMUM_K, "default": SIMILAR},
}  # fmt: skip
_ITEM_PATH = "/v1/{domain}/items/{item_id:path}"
OPERATIONS = (
    Operation(
        "POST", "/v1/{domain}/slates", "slate", post_slate, "Recommend one slate",
        "For a user, a session, or nobody known. `propensity` is the probability of the item at its place.",
        (_SLATE, examples.SLATE), {**_REFUSED, **_UNKNOWN, **_TOO_BUSY},
        (schema_of(SlateBody)[0], examples.SLATE_REQUESTS), often=True,
    ),
    Operation(
        "POST", "/v1/{domain}/events", "events", post_events, "Take events in",
        "One event or a list of at most 1000, all or none. They are durable once this answers; an event that is sent "
        "again with its `event_id` counts once. Without a `session_id`, it belongs to what its user did that day.",
        (_object(accepted={"type": "integer"}, duplicates={"type": "integer"}), examples.RECEIPT),
        {**_REFUSED, **_UNKNOWN, **_NO_TOKEN, **_CANNOT, **_TOO_BUSY}, (_EVENTS_BODY, examples.EVENTS), token=True, often=True,
    ),
    Operation(
        "GET", f"{_ITEM_PATH}/similar", "similar", get_similar, "Find similar items", "Most alike first.",
        (_object(items={"type": "array", "items": {"type": "object"}}), examples.SIMILAR),
        {404: "No such domain or item.", 422: _REFUSED[422], **_CANNOT, **_TOO_BUSY}, parameters=(_K,),
    ),
    Operation(
        "PUT", _ITEM_PATH, "put_item", put_item, "Change an item",
        "Fields that are not told stay as they are; null: it is not known.",
        ({"type": "object"}, examples.PUT_ITEM), {**_REFUSED, **_UNKNOWN, **_NO_TOKEN, **_CANNOT, **_TOO_BUSY},
        (schema_of(ITEM)[0], examples.ITEMS), token=True,
    ),
    Operation(
        "DELETE", "/v1/{domain}/users/{user_id:path}", "erase_user", delete_user, "Forget a user",
        "Their events, and what follows from them.",
        ({"type": "object"}, examples.ERASED), {422: _REFUSED[422], **_UNKNOWN, **_NO_TOKEN, **_CANNOT, **_TOO_BUSY}, token=True,
    ),
    Operation(
        "GET", "/healthz", "health", get_health, "Whether the process answers", "For a supervisor.",
        (_object(status=_TEXT), {"status": "alive"}),
    ),
    Operation(
        "GET", "/readyz", "readiness", get_readiness, "Whether slates can be answered", "For a load balancer.",
        (_object(status=_TEXT), examples.READY), {503: "Not yet: `reasons` tells why, by domain."},
    ),
    Operation(
        "GET", "/metrics", "metrics", get_metrics, "Numbers for Prometheus", "In its text format.",
        (_TEXT, examples.METRICS),
    ),
)  # fmt: skip


def components() -> dict[str, Any]:
    """What the schemas of the operations refer to."""
    schemas: dict[str, Any] = {}
    for kind in (SlateBody, EVENT, ITEM):
        schemas |= schema_of(kind)[1]
    error = _object(field=_TEXT_OR_NULL, message=_TEXT, remedy=_TEXT)
    schemas["Refusal"] = _object(error=error)
    return {"schemas": schemas, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}}
