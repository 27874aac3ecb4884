"""What holds for the project as a whole."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = [
    path
    for folder in ("ml", "dags")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not path.is_relative_to(ROOT / "ml" / "domains") and not path.is_relative_to(ROOT / "ml" / "data" / "loaders")
]
# A test of which domain runs: `domain == "retail"`, `if domain.name in ("banking", …)`, `match domain: case "retail"`.
BRANCH = re.compile(r"""(==|!=|\bin\b|\bcase\b)\s*[(\[{]?\s*["'](retail|banking)["']""")


def test_there_is_shared_code_to_look_at():
    assert len(SHARED) > 50


@pytest.mark.parametrize("path", SHARED, ids=lambda path: str(path.relative_to(ROOT)))
def test_shared_code_never_asks_which_domain_it_runs(path):
    found = [line for line in path.read_text().splitlines() if BRANCH.search(line)]
    assert found == []
