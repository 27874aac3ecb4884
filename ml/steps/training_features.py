"""What a training learns from: the current features, or those of a day that a person names.

Those of a named day are made where there are none yet, in a warehouse of their own: the marts of the wheel's next
turn, and the features that it goes on from, stay as they are.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ml.artifacts import artifact_path, manifest, read_json
from ml.data.landing import partitions, read_source
from ml.data.windows import default_as_of, later, parse_as_of
from ml.domains import Protocol, Source, get_domain
from ml.errors import BadInput, RunFailed
from ml.settings import changed_settings, settings
from ml.steps.features import build_features, landed_span, plan, publish_features
from ml.steps.record import recorded
from ml.steps.validating import validate_landing, validate_marts


@recorded("features as of")
def features_as_of(domain: str, as_of: str | None = None) -> str:
    """The published features as of a day, built, validated and published now where there are none.

    Args:
        domain: A declared domain whose data have landed.
        as_of: The day; default: that of the current features, which are never made here.

    Returns:
        The artifact's folder. The current features stay what they are.

    Raises:
        BadInput: There is no such day, or a training finds too little before it.
        RunFailed: There are no current features, or a gate refused the data.
    """
    return str(current_features(domain) if as_of is None else find_features(domain, as_of) or _made(domain, as_of))


def current_features(domain: str) -> Path:
    """The features that the wheel goes on from."""
    pointer = settings().domain_path("current", domain) / "features.json"
    if not pointer.exists():
        raise RunFailed(f"{domain} has no published features. Run: slate features --domain {domain}")
    return Path(read_json(pointer)["path"])


def find_features(domain: str, as_of: str) -> Path | None:
    """The published features as of a day: the current ones, else those that were published last."""
    folders = [path.parent for path in artifact_path("features", "").glob("*/manifest.json")]
    found = [folder for folder in folders if _are_as_of(manifest(folder), domain, as_of)]
    pointer = settings().domain_path("current", domain) / "features.json"
    current = Path(read_json(pointer)["path"]) if pointer.exists() else None
    return current if current in found else max(found, key=lambda path: path.stat().st_mtime, default=None)


def refuse_too_little(domain: str, protocol: Protocol, as_of: datetime, first: datetime) -> None:
    """Raise `BadInput` where not even one cadence of events lies before all that a training cuts off."""
    needed = as_of - later(as_of, -protocol.snapshots, protocol)
    if as_of - needed < first:
        raise BadInput(
            f"as_of: {as_of:%Y-%m-%d} leaves too little to learn from. {domain}'s data begin on {first:%Y-%m-%d} and a "
            f"training needs {needed.days} days of them; choose {_next_day(first + needed):%Y-%m-%d} or later"
        )


def _next_day(moment: datetime) -> datetime:
    return moment + timedelta(days=1)


def _are_as_of(described: dict[str, Any], domain: str, as_of: str) -> bool:
    if described["domain"] != domain:
        return False
    protocol = Source.model_validate(described["source"]).applied_to(get_domain(domain)).protocol
    return datetime.fromisoformat(described["as_of"]) == parse_as_of(as_of, protocol)


def _made(domain: str, as_of: str) -> Path:
    _refuse_unusable(domain, as_of)
    with changed_settings(warehouse_folder=settings().home / "warehouse" / "as_of"):
        validate_landing(domain, as_of)
        planned = plan(domain, as_of)
        build_features(planned, document=False)
        validate_marts(planned)
        made = publish_features(planned, current=False)
        settings().warehouse(domain).unlink()  # all that it held is published
    return Path(made)


def _refuse_unusable(domain: str, as_of: str) -> None:
    protocol = read_source(domain).applied_to(get_domain(domain)).protocol
    moment = parse_as_of(as_of, protocol)
    first, last = landed_span(domain, partitions(domain))
    refuse_too_little(domain, protocol, moment, first)
    if moment > (end := default_as_of(last, protocol)):
        raise BadInput(
            f"as_of: {moment:%Y-%m-%d} lies after {domain}'s data, which end on {last:%Y-%m-%d}: "
            f"choose {end:%Y-%m-%d} or earlier"
        )
