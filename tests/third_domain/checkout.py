"""A checkout to which the third domain has been added: the dbt project with its two models, all else as it is."""

import shutil
from pathlib import Path

from ml.settings import PROJECT_ROOT

HERE = Path(__file__).parent


def lay(folder: Path) -> Path:
    """Copy what a domain's run reads of the checkout, and put the domain's models where a domain's models go."""
    written = shutil.ignore_patterns("target", "logs", "dbt_packages")
    for room in ("dbt_project", "expectations"):
        shutil.copytree(PROJECT_ROOT / room, folder / room, ignore=written)
    for layer in ("staging", "intermediate"):
        shutil.copytree(HERE / layer, folder / "dbt_project" / "models" / layer / "music")
    return folder
