"""What each address does: from a request to an answer."""

import uuid
from collections.abc import Awaitable
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope

from ml.errors import BadInput, RunFailed
from ml.serving.contract import Overloaded, ServedSlate
from ml.serving.http.answers import Answer, Refused, as_json, of_slate
from ml.serving.http.context import Context
from ml.serving.http.contract_bodies import read_events, read_item
from ml.serving.http.front import header, read_body
from ml.serving.http.limits import MAXIMUM_K
from ml.serving.http.protection import Shed
from ml.serving.http.reading import checked_id, invalid
from ml.serving.http.request_log import Entry
from ml.serving.http.service import DomainService
from ml.serving.http.slate_request import read_slate_request
from ml.serving.online.errors import NotDurable, StoreGone

T = TypeVar("T")
SIMILAR = 10  # where a request does not say how many


async def post_slate(context: Context, scope: Scope, receive: Receive) -> Answer:
    """Answer with one slate."""
    service = _service(context, scope)
    try:
        context.shield.check()  # before the body is read
        body = await read_body(scope, receive, context.limits.body)
        # Whoever sends its body slowly takes nobody's place.
        with context.shield.one():
            return await _slate(context, service, scope["entry"], body)
    except Overloaded as error:
        context.metrics.shed.labels(service.domain).inc()
        raise context.shield.turn_away() from error
    except Shed:
        context.metrics.shed.labels(service.domain).inc()
        raise


async def _slate(context: Context, service: DomainService, entry: Entry, body: bytes) -> Answer:
    request = read_slate_request(body, context.domains[service.domain], service.now())
    if reason := service.ready():
        raise Refused(503, None, reason, "Send the request again later.", context.limits.retry_after)
    slate = await service.answer(request)
    answer = of_slate(slate)
    entry.slate_id, entry.model_version, entry.degraded = slate.slate_id, slate.model_version, slate.degraded
    context.metrics.slate(slate)
    _keep_impression(context, service, slate)
    return answer


def _keep_impression(context: Context, service: DomainService, slate: ServedSlate) -> None:
    """A slate whose impression is lost is served still: learning misses a row, the person nothing."""
    try:
        service.shown(slate)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is counted and told
        context.metrics.unlogged.labels(service.domain).inc()
        context.log.failure(slate.slate_id, error)


async def post_events(context: Context, scope: Scope, receive: Receive) -> Answer:
    """Take events in, all or none."""
    service = _service(context, scope)
    context.tokens.check("write", header(scope, b"authorization"))
    try:
        body = await read_body(scope, receive, context.limits.body)
        events = read_events(body, context.domains[service.domain], service.now())
    except Refused:
        context.metrics.events_refused(service.domain, "refused")
        raise
    try:
        receipt = await _done(service.accept(events))
    except (NotDurable, StoreGone):
        context.metrics.events_refused(service.domain, "not_durable", len(events))
        raise
    context.metrics.taken_in(service.domain, receipt)
    return as_json({"accepted": receipt.accepted, "duplicates": receipt.duplicates})


async def get_similar(context: Context, scope: Scope, _: Receive) -> Answer:
    """The items most like one."""
    service = _service(context, scope)
    item_id, k = _id(scope, "item_id"), _how_many(scope)
    try:
        return as_json({"items": await _done(context.in_thread(service.similar, item_id, k))})
    except BadInput as unknown:
        raise Refused(404, "item_id", str(unknown), "Name an item of the catalogue.") from None


async def put_item(context: Context, scope: Scope, receive: Receive) -> Answer:
    """Change what is told of an item."""
    service = _service(context, scope)
    context.tokens.check("admin", header(scope, b"authorization"))
    item_id = _id(scope, "item_id")
    fields = read_item(await read_body(scope, receive, context.limits.body))
    return as_json(await _done(context.in_thread(service.put_item, item_id, fields, slow=True)))


async def delete_user(context: Context, scope: Scope, _: Receive) -> Answer:
    """Forget a user."""
    service = _service(context, scope)
    context.tokens.check("admin", header(scope, b"authorization"))
    return as_json(await _done(context.in_thread(service.erase, _id(scope, "user_id"))))


async def get_health(_: Context, __: Scope, ___: Receive) -> Answer:
    """The process answers."""
    return as_json({"status": "alive"})


async def get_readiness(context: Context, _: Scope, __: Receive) -> Answer:
    """Whether every domain can be served, and if not, why."""
    reasons = {name: reason for name, service in context.services.items() if (reason := service.ready())}
    if reasons:
        answer = as_json({"status": "not ready", "reasons": reasons})
        return Answer(503, answer.body, headers=((b"retry-after", b"%d" % context.limits.retry_after),))
    versions = {name: service.version for name, service in context.services.items()}
    return as_json({"status": "ready", "versions": versions})


async def get_metrics(context: Context, _: Scope, __: Receive) -> Answer:
    """What Prometheus reads."""
    services = context.services.values()
    facts = {service.domain: await _facts(context, service) for service in services}
    return Answer(200, context.metrics.text(services, facts), b"text/plain; version=0.0.4; charset=utf-8")


async def _facts(context: Context, service: DomainService) -> dict[str, Any]:
    """What a domain tells of itself; nothing where that fails, as the other numbers are wanted then most."""
    try:
        return await context.in_thread(service.facts)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is counted and told
        context.metrics.errors.labels("facts").inc()
        context.log.failure(uuid.uuid4().hex, error)
        return {}


def _service(context: Context, scope: Scope) -> DomainService:
    service = context.service(scope["path_params"]["domain"])
    scope["entry"].domain = service.domain
    return service


async def _done(doing: Awaitable[T]) -> T:
    """What is done; raises `Refused` (409) where what is served cannot do it, such as embed a new item."""
    try:
        return await doing
    except (NotDurable, StoreGone):
        raise
    except RunFailed as error:
        raise Refused(409, None, str(error), "Ask whoever runs this server.") from None


def _id(scope: Scope, name: str) -> str:
    return checked_id(scope["path_params"][name], name)


def _how_many(scope: Scope) -> int:
    """`k` of the address."""
    try:
        told = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=8)
    except ValueError:
        raise invalid(None, "too many parameters", "Send `k` alone.") from None
    if unknown := sorted({name for name, _ in told} - {"k"}):
        raise invalid(unknown[0], f"unknown parameter {unknown[0]!r}", "Leave it out; there is `k`.")
    k = dict(told).get("k", str(SIMILAR))
    if not (k.isascii() and k.isdigit() and len(k) <= 3 and 1 <= int(k) <= MAXIMUM_K):
        raise invalid("k", "`k` is no number of items", f"Send 1 to {MAXIMUM_K}.")
    return int(k)
