"""Before the first step, where there is no data yet: made-up raw files that a domain's loader lands."""

from pathlib import Path
from typing import Any

from ml.domains import Domain, get_domain
from ml.errors import BadInput
from ml.settings import settings
from ml.steps.record import recorded


def raw_folder(domain: str) -> Path:
    """Where a domain's generated files lie, and where landing looks for them."""
    return settings().domain_path("raw", domain)


@recorded("generate")
def generate(
    domain: str, customers: int, seed: int, months: int | None = None, out: str | Path | None = None
) -> dict[str, Any]:
    """Write the raw files of made-up customers; the same arguments give the same bytes.

    Args:
        domain: Name of a declared domain that has a generator.
        customers: How many there are, 1 or more.
        seed: From 0 on.
        months: How many months are observed; default: as many as the generator knows.
        out: An empty folder, or one that is not there yet; default: the domain's under `SLATE_HOME/raw`.

    Returns:
        `domain`, `generator`, `folder` and `rows` by file.

    Raises:
        BadInput: The domain has no generator, a number is out of bounds, or the folder holds something else.
    """
    from ml.data.generators import get_generator

    name = declared_generator(get_domain(domain))
    folder = Path(out).expanduser().absolute() if out else raw_folder(domain)
    folder.parent.mkdir(parents=True, exist_ok=True)
    given = {} if months is None else {"months": months}
    made = get_generator(name)(folder, customers=customers, seed=seed, **given)
    return {"domain": domain, "generator": name, "folder": str(folder), "rows": made["rows"]}


def declared_generator(domain: Domain) -> str:
    """The name of the domain's generator; raises `BadInput` where it has none."""
    if domain.generator is None:
        raise BadInput(
            f"{domain.name} has no generator: it lands the data of its own source (slate land --domain {domain.name}), "
            "or yours through a mapping file (--mapping, docs/bring-your-own-data.md)"
        )
    return domain.generator
