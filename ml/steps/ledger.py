"""Which configurations ever saw a test window: what is chosen by its figures is no longer measured by them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ml.artifacts import digest, manifest, read_json, write_json
from ml.settings import settings
from ml.steps.workbench import evaluation_inputs


def configurations_that_saw(domain: str, window: Sequence[str], trainings: Iterable[dict[str, Any]]) -> int:
    """Note that these trainings were judged on a test window; how many configurations ever were, these included.

    A training counts once, however often it is judged and by whichever command: `slate evaluate` notes its own,
    `slate bench ablation` that of each variant.

    Args:
        domain: Whose test window it is.
        window: Its beginning and its end.
        trainings: What was judged on it.
    """
    path = settings().domain_path("current", domain) / "test_windows.json"
    ledger: dict[str, list[str]] = read_json(path) if path.exists() else {}
    name = "/".join(window)
    ledger[name] = sorted({*ledger.get(name, []), *map(_configuration, trainings)})
    write_json(path, ledger)
    return len(ledger[name])


def _configuration(training: dict[str, Any]) -> str:
    return digest(evaluation_inputs(training) | {"features": manifest(Path(training["features"]))["key"]})
