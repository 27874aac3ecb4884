"""docs/eligibility.md cannot drift: its tables are the declared rules, and its kinds all that there are."""

from pathlib import Path
from typing import get_args

from ml.domains.banking_rules import BANKING_ELIGIBILITY
from ml.domains.eligibility import AnyRule
from ml.reranking.eligibility.documenting import requirements_table, rules_table

PAGE = (Path(__file__).parents[2] / "docs" / "eligibility.md").read_text(encoding="utf-8")


def between(marker: str) -> str:
    return PAGE.split(f"<!-- {marker} -->\n")[1].split(f"<!-- /{marker} -->")[0]


def test_the_tables_are_the_rules_of_the_bank() -> None:
    assert between("rules") == rules_table(BANKING_ELIGIBILITY)
    assert between("required") == requirements_table(BANKING_ELIGIBILITY)


def test_every_kind_of_rule_is_described() -> None:
    kinds = [rule.model_fields["kind"].default for rule in get_args(get_args(AnyRule)[0])]
    assert len(kinds) == 7
    assert [kind for kind in kinds if f"| `{kind}` |" not in PAGE] == []
