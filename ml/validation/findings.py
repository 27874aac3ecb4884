"""What a gate found: broken rules with the rows that break them, told to people."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ml.errors import RunFailed
from ml.validation.suites import Suite

SHOWN_ROWS = 5
ABORTED = "Current transaction is aborted"


@dataclass(frozen=True)
class Finding:
    """One broken rule."""

    table: str
    columns: tuple[str, ...]
    rule: str
    says: str
    severity: str
    remedy: str
    broken: int | None  # rows that break it, where the rule counts rows
    rows: tuple[dict[str, Any], ...]  # the first of them

    def headline(self) -> str:
        """One line: the rule, where, how often."""
        where = f"{self.table}.{','.join(self.columns)}" if self.columns else self.table
        count = "" if self.broken is None else f" ({self.broken:,} row{'s' if self.broken != 1 else ''})"
        return f"{where}: {self.rule}{count}: {self.says.rstrip('.')}"

    def told(self) -> str:
        """The headline, the first rows, and what to do."""
        rows = [f"    {_row(row)}" for row in self.rows]
        return "\n".join([self.headline(), *rows, f"    Remedy: {self.remedy}"])

    def as_json(self) -> dict[str, Any]:
        """The finding as JSON-able data."""
        return asdict(self)


@dataclass(frozen=True)
class Verdict:
    """A gate let the data through: what it only warns of, the rules it applied, and its report."""

    warnings: tuple[Finding, ...]
    rules: int
    report: Path


def admitted(data: str, suites: Iterable[Suite], findings: Sequence[Finding], report: Path) -> Verdict:
    """The verdict on data whose findings are all warnings; raises `RunFailed`, telling the others, where they are not."""
    critical = [finding for finding in findings if finding.severity == "critical"]
    if critical:
        rules = "1 rule is" if len(critical) == 1 else f"{len(critical)} rules are"
        told = "\n".join(finding.told() for finding in critical)
        raise RunFailed(f"the gate refuses {data}: {rules} broken. Nothing was changed.\n{told}\nReport: {report}")
    return Verdict(tuple(findings), sum(len(suite.rules) for suite in suites), report)


def findings_of(results: Iterable[Any], table: str) -> list[Finding]:
    """The findings in a table's results of Great Expectations: one for each expectation that is not met.

    Raises:
        RunFailed: An expectation could not be evaluated, for example because its column is not there.
    """
    results = list(results)
    _refuse_unevaluated(results, table)
    return [_finding(result, table) for result in results if not result.success]


def _finding(result: Any, table: str) -> Finding:
    expectation = result.expectation_config
    return Finding(
        table=table,
        columns=_columns(expectation.kwargs),
        rule=str(expectation.meta["rule"]),
        says=str(expectation.meta["says"]),
        severity=str(expectation.severity.value),
        remedy=str(expectation.meta["remedy"]),
        broken=_broken(result.result),
        rows=tuple(_rows(result.result)[:SHOWN_ROWS]),
    )


def _columns(kwargs: Mapping[str, Any]) -> tuple[str, ...]:
    named = [kwargs[name] for name in ("column", "column_A", "column_B") if name in kwargs]
    return tuple(named or kwargs.get("column_list", ()))


def _broken(result: Mapping[str, Any]) -> int | None:
    if "details" in result:  # a query for unexpected rows, which counts them
        return int(result["observed_value"])
    count = result.get("unexpected_count")
    return None if count is None else int(count)


def _rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "details" in result:
        return list(result["details"].get("unexpected_rows") or [])
    if "unexpected_list" not in result:  # an aggregate: its value is all there is to show
        return [{"observed": result.get("observed_value")}]
    keyed = result.get("partial_unexpected_index_list") or result["unexpected_list"]
    return [row if isinstance(row, dict) else {"value": row} for row in keyed]


def _row(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={'null' if value is None else value}" for name, value in row.items())


def _refuse_unevaluated(results: Iterable[Any], table: str) -> None:
    problems = [(result, problem) for result in results for problem in _exceptions(result.exception_info)]
    if problems:
        # DuckDB refuses every statement after a failed one until the transaction ends: the cause is another's.
        result, problem = next((each for each in problems if ABORTED not in each[1]), problems[0])
        rule = result.expectation_config.meta["rule"]
        raise RunFailed(f"the rule {rule} on {table} could not be evaluated: {problem.strip()}")


def _exceptions(info: Mapping[str, Any]) -> list[str]:
    """The messages of the exceptions that an expectation, or any of its metrics, raised."""
    parts = [info, *(part for part in info.values() if isinstance(part, dict))]
    return [str(part.get("exception_message")) for part in parts if part.get("raised_exception")]
