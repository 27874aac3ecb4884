"""Suites as data: what `expectations/` holds, read and checked.

`expectations/<layer>/` holds one file a table for every domain; `expectations/<domain>/<layer>/` adds to them. A rule
is an expectation of Great Expectations (its type and keyword arguments) with a name and a remedy for people.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError

from ml.domains.frozen import Frozen
from ml.errors import BadInput
from ml.settings import settings

Layer = Literal["landing", "marts"]
COLUMN = "$column"


class Rule(Frozen):
    """One expectation, and what people need to know when it is not met."""

    rule: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="Names the rule in messages and reports.")
    says: str = Field(description="What good data looks like, as one sentence.")
    severity: Literal["critical", "warning"] = Field("critical", description="`critical` stops, `warning` is told.")
    type: str = Field(description="The expectation's type in Great Expectations.")
    kwargs: dict[str, Any] = Field({}, description="Its arguments; `{$PARAMETER: name}` is filled in at the run.")
    remedy: str = Field(description="What to do about rows that break it.")
    for_each: str | tuple[str, ...] | None = Field(
        None, description="Columns to repeat the rule for, as `$column`: themselves, or the name of a list of the run."
    )

    def expanded(self, lists: Mapping[str, Sequence[str]]) -> list["Rule"]:
        """The rule, once a column (itself where it repeats for none)."""
        if self.for_each is None:
            return [self]
        columns = lists[self.for_each] if isinstance(self.for_each, str) else self.for_each
        return [self._on(column) for column in columns]

    def _on(self, column: str) -> "Rule":
        kwargs = {name: column if value == COLUMN else value for name, value in self.kwargs.items()}
        return self.model_copy(update={"rule": f"{self.rule}[{column}]", "kwargs": kwargs, "for_each": None})


class Suite(Frozen):
    """The rules of one table."""

    table: str
    shown: tuple[str, ...] = Field((), description="Columns by which people find a row that breaks a rule.")
    rules: tuple[Rule, ...]

    def expanded(self, lists: Mapping[str, Sequence[str]]) -> "Suite":
        """The suite with each repeated rule written out."""
        rules = tuple(each for rule in self.rules for each in rule.expanded(lists))
        return self.model_copy(update={"rules": rules})


def read_suites(layer: Layer, domain: str) -> dict[str, Suite]:
    """The suites of a layer by table: those of every domain with this domain's additions.

    Raises:
        BadInput: A file is not a suite, or two rules of a table share a name.
    """
    suites: dict[str, Suite] = {}
    root = settings().project / "expectations"
    for path in [*sorted((root / layer).glob("*.yml")), *sorted((root / domain / layer).glob("*.yml"))]:
        suite = read_suite(path)
        known = suites.get(suite.table)
        suites[suite.table] = suite if known is None else _joined(known, suite, path)
    return suites


def read_suite(path: Path) -> Suite:
    """The suite in one file; raises `BadInput` that names the file and the field."""
    try:
        return Suite.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError) as error:
        raise BadInput(f"{path} is not a suite of expectations: {error}") from error


def _joined(base: Suite, addition: Suite, path: Path) -> Suite:
    twice = {rule.rule for rule in base.rules} & {rule.rule for rule in addition.rules}
    if twice:
        raise BadInput(f"{path} repeats the rules {sorted(twice)} of table {base.table}: give them other names")
    return base.model_copy(update={"rules": base.rules + addition.rules})
