"""From generated files to who may be offered what, at any size: what each stage takes of time and memory."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ml.artifacts import read_json, write_json
from ml.domains import get_domain
from ml.logs import get_logger
from ml.settings import settings
from ml.steps.generating import declared_generator
from ml.steps.landing_benchmark import MEMORY_LIMIT_MB
from ml.steps.measuring import machine, run_measured

log = get_logger(__name__)
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Stage:
    """One command of the benchmark, and how many rows its document says that it made."""

    name: str
    options: tuple[str, ...]
    rows: Callable[[Document], int]


def _stages(domain: str, customers: int, seed: int) -> list[Stage]:
    named = ("--domain", domain)
    made = (domain, "--customers", str(customers), "--seed", str(seed))
    return [
        Stage("generate", made, lambda document: sum(document["rows"].values())),
        Stage("land", named, lambda document: sum(table["rows"] for table in document["tables"].values())),
        Stage("features", named, lambda document: sum(document["counts"].values())),
        Stage("eligibility", named, lambda document: int(document["pairs"])),
    ]


def bench_scale(domain: str, customers: int, seed: int = 7) -> dict[str, Any]:
    """Generate, land, build and publish features, and judge everybody's eligibility, each in a process of its own.

    All happens in `SLATE_HOME/bench/scale-…`, which is removed at the end. A run that was cut off goes on with the
    stage at which it stood, from what stands there.

    Args:
        domain: Name of a declared domain that has a generator, a loader and rules of eligibility.
        customers: How many are generated.
        seed: Of the generator.

    Returns:
        `domain`, `customers`, `seed`, `history_rows` (of the generated history), `landing_limit_mb`, `cores`,
        `memory_mb` (of the machine) and `stages`: the name of each, its `rows`, `wall_seconds`, `cpu_seconds`,
        `peak_memory_mb` and `users_per_second` (of CPU).

    Raises:
        BadInput: The domain has no generator.
        RunFailed: A stage failed; its messages stand above.
    """
    declared_generator(get_domain(domain))
    home = settings().home / "bench" / f"scale-{domain}-{customers}-{seed}"
    log.info("at work in %s", home)
    stages = [_measured(stage, customers, home) for stage in _stages(domain, customers, seed)]
    history = _document(home, "generate")["rows"]
    shutil.rmtree(home)
    return {
        "domain": domain, "customers": customers, "seed": seed, "history_rows": next(iter(history.values())),
        "landing_limit_mb": MEMORY_LIMIT_MB, **machine(), "stages": stages,
    }  # fmt: skip


def _measured(stage: Stage, customers: int, home: Path) -> dict[str, Any]:
    """What one stage took, now or before the run was cut off."""
    noted = home / "measured" / f"{stage.name}.json"
    if not noted.exists():
        document, cost = run_measured([stage.name, *stage.options], home)
        write_json(noted, {"document": document, "cost": asdict(cost)})
    found = read_json(noted)
    cost = found["cost"]
    log.info("%s: %s", stage.name, cost)
    return {
        "stage": stage.name, "rows": stage.rows(found["document"]), **cost,
        "users_per_second": round(customers / cost["cpu_seconds"]),
    }  # fmt: skip


def _document(home: Path, stage: str) -> Document:
    found: Document = read_json(home / "measured" / f"{stage}.json")["document"]
    return found
