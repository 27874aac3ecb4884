"""Where a domain stands."""

from pathlib import Path
from typing import Any

from ml.artifacts import manifest, read_json
from ml.domains import get_domain
from ml.settings import settings
from ml.steps.record import last_runs


def status(domain: str) -> dict[str, Any]:
    """Data counts and as-of, champion and challenger versions, and the last run of each step.

    What is not there yet is null or empty: a new clone has a status too.
    """
    get_domain(domain)
    pointer = settings().domain_path("current", domain) / "features.json"
    features = manifest(Path(read_json(pointer)["path"])) if pointer.exists() else {}
    from ml.tracking import registry

    champion, challenger = registry.version_at(domain, "champion"), registry.version_at(domain, "challenger")
    return {
        "domain": domain,
        "as_of": features.get("as_of"),
        "counts": features.get("counts", {}),
        "champion": champion and champion.number,
        "challenger": challenger and challenger.number,
        "runs": last_runs(domain),
    }
