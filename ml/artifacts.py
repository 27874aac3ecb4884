"""Atomic, content-addressed folders: how every step writes its result.

An artifact is a folder named after the hash of its inputs. It is built beside its final place and appears by
one rename, so that a step killed midway leaves the old result standing, and a step whose inputs have not
changed finds its result and has nothing to do.
"""

import fcntl
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from ml.errors import RunFailed
from ml.settings import settings

MANIFEST = "manifest.json"
BESIDE = f".*.{'[0-9a-f]' * 32}"  # how a folder is named while it is built


def digest(value: object) -> str:
    """Sixteen hexadecimal digits that identify any JSON-like value."""
    text = json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@cache
def code_digest(*parts: str) -> str:
    """Identifies the source of these folders and files of `ml/` (all of it where none is named): part of every key."""
    root = Path(__file__).parent
    named = [root / part for part in parts] or [root]
    files = sorted(path for each in named for path in ([each] if each.is_file() else each.rglob("*.py")))
    return digest({str(path.relative_to(root)): file_digest(path) for path in files})


def write_json(path: Path, value: object) -> None:
    """Write a JSON file beside its place, then rename it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    beside.write_text(json.dumps(value, indent=2, default=str, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(beside, path)


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def artifact_path(kind: str, key: str) -> Path:
    """Where the artifact of this kind and key stands or would stand."""
    return settings().home / "artifacts" / kind / key


def build(kind: str, inputs: Mapping[str, Any], make: Callable[[Path], Mapping[str, Any] | None]) -> Path:
    """Return the artifact of these inputs, made now only if it is not there yet.

    Args:
        kind: What it is, such as `features` or `retriever/als`.
        inputs: Everything the result depends on; its digest is the key.
        make: Writes the files into the folder it is handed and returns what its manifest adds.

    Returns:
        The folder, with a `manifest.json` that holds `kind`, `key`, `inputs` and what `make` returned.
    """
    key = digest(inputs)
    final = artifact_path(kind, key)
    if (final / MANIFEST).exists():
        return final
    with built_beside(final) as beside:
        added = make(beside) or {}
        write_json(beside / MANIFEST, {"kind": kind, "key": key, "inputs": dict(inputs), **added})
    return final


@contextmanager
def built_beside(final: Path) -> Iterator[Path]:
    """A new folder beside an artifact's place, which it takes by one rename when all has gone well.

    What killed processes left in the same room is removed. A folder that is being built is locked, and the system
    releases the lock when the process ends, however it ends: so nobody removes what a living process builds. A file
    system that knows no locks of folders keeps what is left over.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    beside = final.with_name(f".{final.name}.{uuid.uuid4().hex}")
    with _locked(final.parent):  # between making a folder and locking it, nobody may look for what is left over
        _remove_left_over(final.parent)
        beside.mkdir()
        building = os.open(beside, os.O_RDONLY)
        with suppress(OSError):
            fcntl.flock(building, fcntl.LOCK_EX)
    try:
        yield beside
        try:
            os.rename(beside, final)
        except OSError:
            if not (final / MANIFEST).exists():  # not a twin that was quicker: a real failure
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        os.close(building)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_left_over(room: Path) -> None:
    for folder in room.glob(BESIDE):
        with suppress(OSError):  # somebody holds it, or it has become an artifact this very moment
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(descriptor)


def manifest(path: Path) -> dict[str, Any]:
    """The manifest of an artifact; raises `RunFailed` where there is none."""
    if not (path / MANIFEST).exists():
        raise RunFailed(f"{path} is not a finished artifact: it has no {MANIFEST}. Run the step that makes it again.")
    found: dict[str, Any] = read_json(path / MANIFEST)
    return found
