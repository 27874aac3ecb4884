"""How a recommender that learns from itself narrows a catalogue, with and without exploration: a simulation."""

import os
import time
from dataclasses import asdict
from typing import Any

import numpy as np
import psutil

from ml.errors import BadInput
from ml.evaluation.arrays import Doubles
from ml.evaluation.feedback_loop import MEASURES, Shop, arms, simulate
from ml.evaluation.significance import intervals, means, resampled_means
from ml.logs import progress
from ml.memory import MEGABYTE

SEED = 0  # of the bootstrap


def bench_feedback_loop(seeds: int = 8, shop: Shop | None = None) -> dict[str, Any]:
    """Retrain a simulated shop in rounds, once a policy and seed (see `ml.evaluation.feedback_loop`).

    Args:
        seeds: Simulations of each policy, each with people of its own; both policies meet the same people.
        shop: Sizes; default: those of the published page.

    Returns:
        `shop`, `seeds`, `cores`, `memory_mb`, `seconds`, `rounds` (of each policy, every measure as `mean`, `low`,
        `high`: 95 % of the bootstrap over seeds) and `difference` (with less without exploration, paired, last round).

    Raises:
        BadInput: Fewer than two seeds: nothing would be known of how far results scatter.
    """
    if seeds < 2:
        raise BadInput(f"seeds: {seeds} is too few to tell how far results scatter; give at least 2")
    shop, started, policies = shop or Shop(), time.perf_counter(), arms()
    found: dict[str, list[Doubles]] = {name: [] for name in policies}
    for seed in progress(range(1, seeds + 1), "feedback loop"):
        for name, exploration in policies.items():
            found[name].append(simulate(shop, exploration, seed))
    runs = {name: np.stack(each) for name, each in found.items()}  # (seeds, rounds, measures)
    first, second = runs.values()
    return {
        "shop": asdict(shop), "seeds": seeds, "cores": os.cpu_count(),
        "memory_mb": psutil.virtual_memory().total // MEGABYTE, "seconds": round(time.perf_counter() - started, 1),
        "rounds": {name: [_described(each[:, turn]) for turn in range(shop.rounds)] for name, each in runs.items()},
        "difference": _described(second[:, -1] - first[:, -1]),
    }  # fmt: skip


def _described(values: Doubles) -> dict[str, dict[str, float | None]]:
    """Each measure's mean over seeds (seeds, measures), with its interval."""
    drawn = resampled_means(values, np.arange(len(values)), seed=SEED)
    found = intervals(means(values), drawn)
    return {name: interval.as_dict() for name, interval in zip(MEASURES, found, strict=True)}
