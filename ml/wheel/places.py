"""Where the results of a turn can be looked at."""

from pathlib import Path

from ml.settings import settings


def reports_folder() -> Path:
    """The folder that `slate ui` serves: every report of every domain."""
    return settings().home / "reports"


def evidently_workspace() -> Path:
    """The folder that Evidently's own UI opens."""
    return settings().home / "evidently"


def places(domain: str) -> dict[str, str]:
    """What there is to look at and where: files by path, and what needs a server by the command that starts it.

    Only reports that exist are named.
    """
    servers = dict.fromkeys(("Airflow UI", "MLflow UI", "Evidently UI"), "make ui")
    return servers | {name: str(path) for name, path in pages(domain).items()}


def pages(domain: str) -> dict[str, Path]:
    """The reports' first pages that exist, by what people call them."""
    folder = reports_folder() / domain
    wanted = {
        "dbt docs": "dbt/index.html",
        "Great Expectations, landing": "expectations/landing/index.html",
        "Great Expectations, marts": "expectations/marts/index.html",
        "Evidently reports": "evidently/index.html",
    }
    return {name: folder / page for name, page in wanted.items() if (folder / page).exists()}
