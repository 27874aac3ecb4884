"""What holds for the project as a whole."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml.domains import DOMAINS
from ml.domains.banking_rules import PRODUCTS
from ml.features.declarations import OfEvents, load_declarations

ROOT = Path(__file__).resolve().parent.parent
# What may know one business: the declarations themselves, and the readers and makers of one source's files.
OWN = [ROOT / "ml" / room for room in ("domains", "data/loaders", "data/generators")]
SHARED = [
    path
    for folder in ("ml", "dags")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not any(path.is_relative_to(room) for room in OWN)
]
EVERY_FILE = pytest.mark.parametrize("path", SHARED, ids=lambda path: path.relative_to(ROOT).as_posix())
# A test of which domain runs: `domain == "retail"`, `if domain.name in ("banking", …)`, `match domain: case "retail"`.
BRANCH = re.compile(rf"""(==|!=|\bin\b|\bcase\b)\s*[(\[{{]?\s*["']({"|".join(DOMAINS)})["']""")
# The contract's words for events are those of which features are made; any other belongs to the domain that lists it.
CONTRACT_EVENTS = {
    event
    for entity in load_declarations().values()
    for feature in entity.features.values()
    if isinstance(feature, OfEvents)
    for event in feature.events
}
OWN_EVENTS = {event for domain in DOMAINS.values() for event in domain.data_rules.event_types} - CONTRACT_EVENTS
TASKS = {("dags/promote.py", "approve")}  # the name of a task: a person approves the challenger
PEOPLE = re.compile("household|customer", re.IGNORECASE)
ABOUT_CUSTOMERS = (
    # Next-basket recommendation, as its papers tell it, is about customers' baskets.
    "ml/baskets/", "ml/evaluation/next_basket.py", "ml/steps/basket_", "ml/steps/benchmark_searching.py",
    # Published examples of two towers come as customer-product samples, with columns of these names.
    "ml/data/samples.py", "ml/steps/sample_models.py", "ml/steps/two_tower_samples.py",
    # What a rule says to the person and what it says to an auditor are fields of the declarations.
    "ml/reranking/eligibility/explaining.py", "ml/reranking/eligibility/documenting.py",
    # How many customers a generator makes up is an argument of it, and what its ceiling is keyed by.
    "ml/steps/generating.py", "ml/steps/ceiling_benchmark", "ml/steps/landing_benchmark.py",
    "ml/steps/scale_", "ml/wheel/demo.py",
    # What Slate is, in a sentence; and the commands of the benchmarks above.
    "ml/__init__.py", "ml/cli/",
)  # fmt: skip


def literals(path: Path) -> Iterator[str]:
    """Every string that stands in a file by itself, such as a key or what something is compared with."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_there_is_shared_code_to_look_at():
    assert len(SHARED) > 50
    assert all(room.is_dir() for room in OWN)
    assert {"retail", "banking"} <= set(DOMAINS)
    assert {"adjustment", "hold", "withdraw"} <= OWN_EVENTS
    assert {"view", "purchase"} <= CONTRACT_EVENTS


@EVERY_FILE
def test_shared_code_never_asks_which_domain_it_runs(path):
    found = [line for line in path.read_text().splitlines() if BRANCH.search(line)]
    assert found == []


@EVERY_FILE
def test_shared_code_names_no_domain_and_nothing_that_one_domain_owns(path):
    name = path.relative_to(ROOT).as_posix()
    owned = {*DOMAINS, *OWN_EVENTS, *PRODUCTS}
    assert [word for word in literals(path) if word in owned and (name, word) not in TASKS] == []


@EVERY_FILE
def test_shared_code_calls_people_users(path):
    if not path.relative_to(ROOT).as_posix().startswith(ABOUT_CUSTOMERS):
        assert PEOPLE.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("start", ABOUT_CUSTOMERS)
def test_every_exception_is_needed(start):
    files = [path for path in SHARED if path.relative_to(ROOT).as_posix().startswith(start)]
    assert any(PEOPLE.search(path.read_text(encoding="utf-8")) for path in files)
