"""Where finished reports stand: as files for a browser, and in the workspace of Evidently's own UI."""

import os
import uuid
from collections.abc import Iterable
from html import escape
from pathlib import Path

from ml.artifacts import write_json
from ml.monitoring.library import Page, quietly

_SNAPSHOT = ".snapshot.json"
_NAMESPACE = uuid.UUID("8a4b4c4e-2f0f-5d0e-9d59-5c1a7e0f51a7")  # any fixed one: what is derived from it is stable


def write_pages(folder: Path, pages: Iterable[Page]) -> None:
    """Write each page as HTML, as JSON and as Evidently's snapshot."""
    for page in pages:
        write_text(folder / f"{page.name}.html", page.html)
        write_json(folder / f"{page.name}.json", page.results)
        write_text(folder / f"{page.name}{_SNAPSHOT}", page.snapshot)


def publish_files(made: Path, folder: Path) -> list[Path]:
    """Copy finished pages into the reports of one as-of (`folder`), and list it on the first page beside it."""
    copied = []
    for path in sorted(made.glob("*.html")) + sorted(made.glob("*.json")):
        if path.name != "manifest.json" and not path.name.endswith(_SNAPSHOT):
            write_text(folder / path.name, path.read_text(encoding="utf-8"))
            copied.append(folder / path.name)
    _write_index(folder.parent)
    return copied


def publish_snapshots(made: Path, workspace: Path, domain: str, title: str, as_of: str) -> None:
    """Put finished pages into the workspace that `evidently ui` opens, one project a domain.

    The identifiers are derived from domain, as-of and page: a page that is published again replaces itself.
    """
    project = _identifier(domain)
    with quietly():
        from evidently.sdk.models import ProjectModel
        from evidently.ui.workspace import Workspace

        workspace.mkdir(parents=True, exist_ok=True)
        opened = Workspace(str(workspace))
        if opened.get_project(project) is None:
            opened.add_project(ProjectModel(id=project, name=title))
    for path in sorted(made.glob(f"*{_SNAPSHOT}")):
        name = _identifier(domain, as_of, path.name.removesuffix(_SNAPSHOT))
        write_text(workspace / str(project) / "snapshots" / f"{name}.json", path.read_text(encoding="utf-8"))


def write_text(path: Path, text: str) -> None:
    """Write a file beside its place, then rename it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def _identifier(*parts: str) -> uuid.UUID:
    return uuid.uuid5(_NAMESPACE, "/".join(parts))


def _write_index(folder: Path) -> None:
    """The first page: every report there is, the latest as-of first."""
    sections = []
    for made in sorted((path for path in folder.iterdir() if path.is_dir()), reverse=True):
        links = [
            f'<li><a href="{escape(made.name)}/{escape(page.name)}">{escape(page.stem.replace("_", " "))}</a></li>'
            for page in sorted(made.glob("*.html"))
        ]
        sections.append(f"<h2>As of {escape(made.name)}</h2>\n<ul>\n{chr(10).join(links)}\n</ul>")
    body = "\n".join(sections)
    head = '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Monitoring</title>\n'
    style = "<style>body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto }</style>\n"
    write_text(folder / "index.html", f"{head}{style}<h1>Drift and quality</h1>\n{body}\n</html>\n")
