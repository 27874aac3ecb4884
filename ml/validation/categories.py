"""The categories that the last accepted validations saw: a new one is a new assortment, or a broken export."""

from collections.abc import Iterable
from pathlib import Path

from ml.artifacts import read_json, write_json
from ml.settings import settings


def known_categories_file(domain: str) -> Path:
    """Where the accepted categories of a domain are kept."""
    return settings().domain_path("validation", domain) / "known_categories.json"


def known_categories(domain: str) -> set[str]:
    """The accepted categories; none before the first accepted validation."""
    path = known_categories_file(domain)
    return set(read_json(path)["categories"]) if path.exists() else set()


def accept_categories(domain: str, categories: Iterable[str]) -> None:
    """Add categories to the accepted ones."""
    known = known_categories(domain)
    accepted = known | set(categories)
    if accepted != known:
        write_json(known_categories_file(domain), {"categories": sorted(accepted)})
