"""The schema as one page for people, which loads nothing from anywhere."""

import html
import json
from collections.abc import Iterator
from typing import Any

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
h2{margin-top:3rem;border-top:1px solid #ccc;padding-top:1rem;overflow-wrap:anywhere}
code,pre{font:13px/1.45 ui-monospace,monospace}
pre{background:#f4f4f4;padding:.8rem;overflow-x:auto;border-radius:4px}
b.method{background:#224;color:#fff;padding:.1rem .5rem;border-radius:4px;font-size:.8em}
table{border-collapse:collapse}td,th{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}
summary{cursor:pointer}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}pre{background:#262626}}
"""


def docs_page(schema: dict[str, Any]) -> str:
    """HTML: every operation with its parameters, body, answers and examples.

    Args:
        schema: OpenAPI 3.1, as the app makes it.
    """
    info = schema["info"]
    operations = [
        line
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
        for line in _operation(method, path, operation)
    ]
    kinds = [line for name, kind in schema["components"]["schemas"].items() for line in _kind(name, kind)]
    title = html.escape(info["title"])
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<style>{_STYLE}</style></head><body><h1>{title}</h1>",
            f"<p>{html.escape(info['description'])} For programs: <a href='/openapi.json'>openapi.json</a>.</p>",
            *operations,
            "<h2>Bodies</h2>",
            *kinds,
            "</body></html>",
        ]
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f'<h2 id="{operation["operationId"]}"><b class="method">{method.upper()}</b> <code>{path}</code></h2>'
    yield f"<p><strong>{html.escape(operation['summary'])}.</strong> {html.escape(operation['description'])}</p>"
    if operation.get("security"):
        yield "<p>Needs <code>Authorization: Bearer …</code> where the server has a token.</p>"
    yield from _parameters(operation.get("parameters", []))
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield from _schema("Body", content["schema"])
        for title, example in content["examples"].items():
            yield f"<h4>Request: {html.escape(title)}</h4>{_code(example['value'])}"
    for status, answer in operation["responses"].items():
        yield from _answer(status, answer)


def _parameters(parameters: list[dict[str, Any]]) -> Iterator[str]:
    if parameters:
        yield "<table><tr><th>parameter<th>in<th>what it may be</tr>"
        for each in parameters:
            bounds = ", ".join(f"{name} {value}" for name, value in each["schema"].items())
            yield f"<tr><td><code>{each['name']}</code><td>{each['in']}<td>{html.escape(bounds)}</tr>"
        yield "</table>"


def _answer(status: str, answer: dict[str, Any]) -> Iterator[str]:
    for content in answer.get("content", {}).values():
        text = f"<h4>Answer {status}: {html.escape(answer['description'])}</h4>{_code(content['example'])}"
        if status == "200":
            yield text
            yield from _schema("Answer", content["schema"])
        else:
            yield f"<details><summary>{status}: {html.escape(answer['description'])}</summary>{text}</details>"


def _schema(title: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"<details><summary>{title}: schema</summary>{_code(schema)}</details>"


def _kind(name: str, kind: dict[str, Any]) -> Iterator[str]:
    yield f'<h3 id="{name}"><code>{html.escape(name)}</code></h3>{_code(kind)}'


def _code(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    return f"<pre>{html.escape(text)}</pre>"
