"""The rules of a domain as Markdown tables, for people who read them rather than run them."""

from collections.abc import Iterable

from ml.domains.eligibility import Eligibility


def rules_table(eligibility: Eligibility) -> str:
    """One line a rule: name, what it applies to, what must hold, and both reasons."""
    lines = (
        (
            f"`{rule.name}`",
            ", ".join([*rule.categories, *(f"`{item}`" for item in rule.items)]) or "everything",
            f"`{rule.condition}`",
            rule.for_customer,
            rule.for_auditor,
        )
        for rule in eligibility.rules
    )
    return _table(("rule", "applies to", "what must hold", "the customer is told", "the auditor reads"), lines)


def requirements_table(eligibility: Eligibility) -> str:
    """One line an item or category: the facts without which it is offered to nobody."""
    lines = (
        (name if name in eligibility.categories else f"`{name}`", ", ".join(f"`{fact}`" for fact in facts) or "none")
        for name, facts in eligibility.required.items()
    )
    return _table(("item or category", "facts"), lines)


def _table(header: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> str:
    rows = (header, ("---",) * len(header), *lines)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"
