"""What a trial of a basket model is worth: customers' latest basket of the history, asked of the ones before."""

from typing import Any

import numpy as np

from ml.baskets.baskets import Baskets
from ml.baskets.configuration import ModelChoice
from ml.baskets.recommender import chunks
from ml.data.arrays import Ints, Ragged
from ml.errors import BadInput
from ml.evaluation.next_basket import NAMES, basket_metrics, ranked
from ml.retrieval.contract import Retriever
from ml.settings import settings
from ml.steps.studies import Objective

OBJECTIVES = ("ndcg@10", "recall@10")
CUSTOMERS = 3000  # most customers that a trial is asked for


def basket_objective(choice: ModelChoice, history: Baskets, *, objective: str, seed: int) -> Objective:
    """From the searched parameters of a model to one of `OBJECTIVES`; the others are as the choice says.

    Raises:
        BadInput: where no customer has two baskets.
    """
    past, users, taken = validation_baskets(history, seed)
    training = past.training(seed=seed, threads=settings().threads)
    column = NAMES.index(objective)

    def value(parameters: dict[str, Any]) -> float:
        tried = ModelChoice(model=choice.model, parameters=choice.parameters | parameters)
        model = tried.kind.fit(training, tried.typed())
        values = [_measured(model, past, users[rows], taken.take(rows))[:, column] for rows in chunks(len(users))]
        return float(np.concatenate(values).mean())

    return value


def validation_baskets(history: Baskets, seed: int) -> tuple[Baskets, Ints, Ragged]:
    """The baskets that models learn from, at most `CUSTOMERS` drawn at random, and a row of what each took last."""
    past, latest = history.split_last()
    known = np.unique(latest.user).astype(np.int64)
    if not len(known):
        raise BadInput("no customer of the history has two baskets, so none can be asked for: hand in more baskets")
    users = np.sort(np.random.default_rng(seed).choice(known, min(len(known), CUSTOMERS), replace=False))
    taken = Ragged.from_pairs(latest.user.astype(np.int64), latest.item, latest.users)
    return past, users, taken.take(users)


def _measured(model: Retriever, past: Baskets, users: Ints, taken: Ragged) -> Any:
    return basket_metrics(ranked(model.score(past.requests(users)), taken), taken)
