"""Whether what slates are to be for can be asked of a domain, and learned from its data."""

from typing import get_args

import numpy as np

from ml.data.arrays import is_among
from ml.data.dataset import Dataset, cases_in
from ml.domains import Domain
from ml.domains.domain import Outputs
from ml.errors import BadInput
from ml.evaluation.metrics import keys_of


def refuse_unknown_outputs(domain: Domain, outputs: str | None) -> None:
    """Raise `BadInput` where the outputs are none that there are, or part items by who has them and nobody has any."""
    choices = get_args(Outputs)
    if outputs is not None and outputs not in choices:
        raise BadInput(f"outputs: {outputs!r} is none of {', '.join(choices)}")
    if outputs in ("new", "owned") and not domain.holdings.begin:
        raise BadInput(
            f"outputs: {domain.name} does not declare what users have (`holdings`), so that nothing is {outputs}: "
            "ask for mixed"
        )


def refuse_unlearnable_outputs(dataset: Dataset, outputs: Outputs) -> None:
    """Raise `BadInput` where slates are to hold what users have and, in the ranker's window, nobody took such an item."""
    domain, windows = dataset.domain, dataset.windows
    refuse_unknown_outputs(domain, outputs)
    if outputs not in ("new", domain.outputs) and not _owned_labels(dataset):
        raise BadInput(
            f"outputs: {outputs} cannot be learned from {domain.name}: from {windows.t1:%Y-%m-%d} to "
            f"{windows.t2:%Y-%m-%d} nobody took ({', '.join(domain.target_events)}) what they had already. Train for "
            "new, or declare an event of using what one has among `target_events`; a trained recommender can be asked "
            f"for {outputs} slates all the same"
        )


def _owned_labels(dataset: Dataset) -> int:
    """How many items were taken in the ranker's window by users who had them."""
    found = 0
    for cases in cases_in(dataset, dataset.windows.t1, dataset.windows.t2):
        held = cases.requests.held
        if held is not None:
            found += int(np.sum(is_among(keys_of(cases.labels, dataset.log.items), keys_of(held, dataset.log.items))))
    return found
