"""People whose treatment is planted, by group, so that every figure of the fairness report can be proved."""

import numpy as np

from ml.data.facts import FactTable
from ml.domains.facts import Fact
from ml.evaluation.fairness.treatment import Treatment

FACT = Fact(kind="category", description="a planted group", protected=True)
SLATE = 4


def table(values: list[str | None], name: str = "group", fact: Fact = FACT) -> FactTable:
    """One fact of each person."""
    texts = sorted({value for value in values if value is not None})
    codes = [np.nan if value is None else texts.index(value) for value in values]
    return FactTable({name: fact}, np.array(codes, np.float32).reshape(-1, 1), {name: np.array(texts, object)})


def treatment(groups: list[str | None], approved: np.ndarray, score: np.ndarray, taken: np.ndarray) -> Treatment:
    """R people asked once each, of slates of four and one guarded item, which stands in the slate where approved."""
    people, may = len(groups), np.ones((len(groups), 1), bool)
    own = (np.full(people, SLATE), approved.astype(np.int64))
    return Treatment(
        table(groups), np.arange(people), *own, *own, score.astype(np.float32).reshape(-1, 1), may, may,
        taken.astype(bool).reshape(-1, 1),
    )  # fmt: skip


def planted(sizes: dict[str | None, int], approval: dict[str | None, float], taken: float = 0.25) -> Treatment:
    """So many people a group, of whom the first share is approved and every fourth takes the item, all scored alike."""
    groups = [group for group, size in sizes.items() for _ in range(size)]
    approved = np.concatenate([np.arange(size) < approval[group] * size for group, size in sizes.items()])
    took = np.concatenate([np.arange(size) < taken * size for size in sizes.values()])
    return treatment(groups, approved, np.zeros(len(groups)), took)
