"""How long landing takes, and how much memory, on generated files of a given size."""

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ml.data.generators import Generate, get_generator
from ml.domains import get_domain
from ml.memory import MEGABYTE
from ml.settings import settings
from ml.steps.generating import declared_generator
from ml.steps.measuring import run_measured

MEMORY_LIMIT_MB = 3_000  # what a landing may take at the most, of whatever size
SAMPLE = 1_000  # customers, from whom the rows of all are estimated


def bench_landing(domain: str, rows: int, seed: int = 7) -> dict[str, Any]:
    """Generate files, land them in a process and a `SLATE_HOME` of its own, and measure that; all of it is removed.

    Args:
        domain: Name of a declared domain that has a generator.
        rows: About how many rows the generated history has.
        seed: Of the generator.

    Returns:
        `customers`, the `rows` by file, `raw_mb`, `wall_seconds`, `cpu_seconds`, `peak_memory_mb` (resident), the
        limit on it as `memory_limit_mb`, and the peak's `share_of_limit`.

    Raises:
        BadInput: The domain has no generator.
        RunFailed: The landing failed; its messages stand above.
    """
    declared = get_domain(domain)
    generator = get_generator(declared_generator(declared))
    settings().home.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="bench-landing-", dir=settings().home) as name:
        folder = Path(name)
        customers = _customers(generator, folder / "sample", rows, seed)
        made = generator(folder / "raw", customers=customers, seed=seed)
        raw = sum(path.stat().st_size for path in (folder / "raw").glob("*.*"))
        command = ["land", "--domain", domain, "--source", declared.loader or "", "--data-folder", str(folder / "raw")]
        _, cost = run_measured(command, home=folder / "home")
    sizes = {"customers": customers, "rows": made["rows"], "raw_mb": raw // MEGABYTE}
    share = round(cost.peak_memory_mb / MEMORY_LIMIT_MB, 3)
    return {"domain": domain, **sizes, **asdict(cost), "memory_limit_mb": MEMORY_LIMIT_MB, "share_of_limit": share}


def _customers(generator: Generate, folder: Path, rows: int, seed: int) -> int:
    """So many that their history has about as many rows."""
    counts = generator(folder, customers=SAMPLE, seed=seed)["rows"]
    landed: int = next(iter(counts.values()))
    return max(1, round(rows * SAMPLE / landed))
