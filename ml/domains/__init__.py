"""The declared domains, by name."""

from ml.domains.banking import BANKING
from ml.domains.domain import DataRules, Domain, Drift, Fairness, Gate, Guardrails, Protocol, Source
from ml.domains.retail import RETAIL
from ml.errors import BadInput

DOMAINS = {domain.name: domain for domain in (RETAIL, BANKING)}
DEFAULT_DOMAIN = RETAIL.name
"""What a command works on that is told no other."""
GENERATED_DOMAIN = BANKING.name
"""What a command works on that needs generated data and is told no other."""

__all__ = [
    "DEFAULT_DOMAIN",
    "DOMAINS",
    "GENERATED_DOMAIN",
    "DataRules",
    "Domain",
    "Drift",
    "Fairness",
    "Gate",
    "Guardrails",
    "Protocol",
    "Source",
    "get_domain",
]


def get_domain(name: str) -> Domain:
    """The declared domain of this name; raises `BadInput` for any other."""
    if name not in DOMAINS:
        raise BadInput(f"there is no domain {name!r}; declared are: {', '.join(sorted(DOMAINS))}")
    return DOMAINS[name]
