"""Whether a contact list of a guarded item is fair to the groups of people: measured on the list, before it is written.

The models of early askings are not the champion's, and no gate has judged them; so each list is.
"""

from typing import Any

import numpy as np

from ml.campaigns.listing import Roll
from ml.data.arrays import Ints
from ml.data.facts import FactTable
from ml.data.requests import Requests
from ml.domains import Domain
from ml.errors import RunFailed
from ml.evaluation.fairness.inputs import protected_inputs
from ml.evaluation.fairness.selection import selection
from ml.evaluation.fairness.verdict import breaches
from ml.logs import get_logger
from ml.retrieval.classifiers import Classifiers

MODEL = "the model of early askings"
log = get_logger(__name__)
Document = dict[str, Any]


def list_fairness(
    domain: Domain, model: Classifiers, item: int, category: str | None, requests: Requests, roll: Roll, chosen: Ints,
    seed: int,
) -> Document | None:  # fmt: skip
    """How groups of those who may be told fare with a list; None for a domain that declares no fairness.

    Args:
        domain: Its limits, protected facts and guarded categories.
        model: What the list was chosen by.
        item: What it is of.
        category: The item's.
        requests: R users.
        roll: Who of them may be told.
        chosen: The rows on the list.
        seed: Of the resampling.

    Returns:
        By fact the figures of every group (`ml.evaluation.fairness.selection`), whether the item is `guarded`, and
        `breaches` of limits, which only a guarded item has.
    """
    if domain.fairness is None:
        return None
    rows, guarded = np.flatnonzero(roll.may), category in domain.guarded_categories
    known, unit = requests.facts.take(rows), requests.user[rows].astype(np.int64)
    as_declared = {name: domain.user_facts.get(name, fact) for name, fact in known.facts.items()}  # bands as of now
    facts = FactTable(as_declared, known.values, known.categories)
    document = selection(facts, unit, np.isin(rows, chosen), domain.fairness, domain.protected_facts, seed=seed)
    document |= {"guarded": guarded, "protected_inputs": protected_inputs({MODEL: model.inputs_of(item)}, domain)}
    return document | {"breaches": breaches(document, domain.fairness) if guarded else []}


def refuse_unfair(found: Document | None, item_id: str, overruled: str | None) -> None:
    """Raise `RunFailed` where a list passes a limit and nobody overrules it."""
    against = [] if found is None else found["breaches"]
    if against and overruled is None:
        raise RunFailed(
            f"the list of {item_id} is unfair, nothing is written: {'; '.join(against)}. Take a larger share, or write "
            "it all the same: --force --reason why"
        )
    for sentence in against:
        log.warning("overruled (%s): %s", overruled, sentence)
