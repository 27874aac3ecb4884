"""What a trial of a session model is worth: next clicks of the latest training sessions, asked of the ones before."""

from typing import Any

import numpy as np

from ml.errors import BadInput
from ml.evaluation.next_item import DEPTH, NAMES, metrics, target_ranks
from ml.sessions.configuration import ModelChoice
from ml.sessions.popularity import Popularity, PopularityParameters, filled
from ml.sessions.recommender import RecommenderParameters
from ml.sessions.sessions import Cases, Sessions, next_click_cases
from ml.steps.session_fitting import fitted
from ml.steps.studies import Objective

OBJECTIVES = ("mrr@20", "p@20")
CASES = 10_000  # most next clicks that a trial is asked for


def session_objective(
    choice: ModelChoice, past: Sessions, split: RecommenderParameters, *, longest: int, objective: str, seed: int
) -> Objective:
    """From the searched parameters of a model to one of `OBJECTIVES`; the others are as the choice says.

    Args:
        choice: The model.
        past: Training sessions; their latest are asked for, as the second stage cuts them.
        split: Where it cuts.
        longest: Clicks of a prefix that are read.
        objective: What is measured.
        seed: Of the cases that are drawn, and of the models.

    Raises:
        BadInput: where the latest sessions have no next click.
    """
    head, cases = validation_cases(past, split, longest=longest, seed=seed, most=CASES)
    popular = Popularity.fit(head, PopularityParameters(), seed=seed, threads=1)
    column = NAMES.index(objective)

    def value(parameters: dict[str, Any]) -> float:
        tried = ModelChoice(model=choice.model, parameters=choice.parameters | parameters)
        model, _ = fitted(tried, head, seed)
        ranking = filled(model.rank(cases.queries, DEPTH), popular.order, DEPTH)
        return float(metrics(target_ranks(ranking, cases.target))[:, column].mean())

    return value


def validation_cases(
    past: Sessions, split: RecommenderParameters, *, longest: int, seed: int, most: int
) -> tuple[Sessions, Cases]:
    """The sessions that models learn from, and at most so many next clicks of the later ones, drawn at random."""
    if len(past) < 2:
        raise BadInput("there must be two sessions, one to learn from and a later one to ask for: hand in more")
    head, tail = split.split(past)
    cases = next_click_cases(tail, longest)
    if not len(cases):
        raise BadInput(
            f"the latest {len(tail)} sessions have one click each, so there is no next click to ask for: "
            "hand in more sessions, or set a larger recommender.tail"
        )
    drawn = np.random.default_rng(seed).choice(len(cases), min(len(cases), most), replace=False)
    return head, cases.take(np.sort(drawn))
