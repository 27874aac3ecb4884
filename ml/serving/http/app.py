"""The FastAPI app over the services of the domains."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import Receive, Scope, Send

from ml.serving.http.answers import Answer, Refused, as_json
from ml.serving.http.context import Context
from ml.serving.http.docs_page import docs_page
from ml.serving.http.documentation import ABOUT, OPERATIONS, Operation, components
from ml.serving.http.front import Endpoint, Front, send_answer

# The page runs nothing and loads nothing.
_CSP = (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'")


def create_app(context: Context) -> Front:
    """The app: every route of `OPERATIONS`, and `/docs` and `/openapi.json` about them.

    FastAPI's own layers are left out: the front does what they do, and they would take a tenth of a slate's time.
    """
    app = FastAPI(title="Slate", version="1", description=ABOUT, docs_url=None, redoc_url=None, openapi_url=None)
    often = {operation.path.rpartition("/")[2]: operation.endpoint for operation in OPERATIONS if operation.often}
    for operation in OPERATIONS:
        app.router.routes.append(_route(context, operation.endpoint, operation))
    _describe(app, context)
    return Front(ExceptionMiddleware(app.router, {HTTPException: _not_found}), context, often)


class RawRoute(APIRoute):
    """A documented route whose endpoint reads the request and answers in bytes.

    FastAPI's own handling of parameters would take longer than all the rest of the app.
    """

    def __init__(self, context: Context, endpoint: Endpoint, path: str, **documented: Any) -> None:
        super().__init__(path, partial(_undocumented_arguments), response_model=None, **documented)
        self.app = _asgi(context, endpoint, self.path_format)


def _undocumented_arguments() -> None:
    """FastAPI reads parameters off a function; ours are told by the operation."""


def _asgi(context: Context, endpoint: Endpoint, route: str) -> Any:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["entry"].route = route
        await send_answer(send, await endpoint(context, scope, receive))

    return app


def _route(context: Context, endpoint: Endpoint, operation: Operation) -> RawRoute:
    return RawRoute(
        context,
        endpoint,
        operation.path,
        methods=[operation.method],
        name=operation.name,
        operation_id=operation.name,
        summary=operation.summary,
        description=operation.description,
        response_class=PlainTextResponse if operation.plain else JSONResponse,
        openapi_extra=operation.openapi(),
    )


def _describe(app: FastAPI, context: Context) -> None:
    """`/openapi.json` and `/docs`, made once."""
    schema = _schema(app)
    pages: Mapping[str, Answer] = {
        "/openapi.json": as_json(schema),
        "/docs": Answer(200, docs_page(schema).encode(), b"text/html; charset=utf-8", (_CSP,)),
    }
    for path, answer in pages.items():
        app.router.routes.append(
            RawRoute(context, partial(_page, answer), path, methods=["GET"], include_in_schema=False)
        )


async def _page(answer: Answer, *_: Any) -> Answer:
    return answer


def _schema(app: FastAPI) -> dict[str, Any]:
    schema = app.openapi()
    for operation in OPERATIONS:  # as they are written: FastAPI leaves nulls out of examples
        schema["paths"][operation.address][operation.method.lower()] |= operation.openapi()
    schema["components"] = components()
    app.openapi_schema = schema
    return schema


async def _not_found(_: Any, error: Exception) -> Any:
    """An address or method that there is not, in the shape of every error."""
    status = getattr(error, "status_code", 404)
    allowed = tuple((name.encode(), value.encode()) for name, value in (getattr(error, "headers", None) or {}).items())
    message = "there is no such address" if status == 404 else "this address does not know the method"
    raise Refused(status, None, message, "Read /docs.", headers=tuple((n.lower(), v) for n, v in allowed))
