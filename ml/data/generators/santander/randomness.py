"""Random numbers of a block of customers: a stream a subject, so that no subject's draws move another's."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 4096  # customers simulated together; a customer's data depends on their block alone


@dataclass(frozen=True)
class Streams:
    """One generator a subject."""

    population: np.random.Generator
    finances: np.random.Generator
    needs: np.random.Generator
    adoption: np.random.Generator
    contacts: np.random.Generator
    sessions: np.random.Generator
    quirks: np.random.Generator
    moments: np.random.Generator

    @classmethod
    def of_block(cls, seed: int, block: int) -> "Streams":
        """The streams of one block, whichever others are made and in whatever order."""
        children = np.random.SeedSequence(seed, spawn_key=(block,)).spawn(8)
        return cls(*(np.random.default_rng(child) for child in children))


def choose(random: np.random.Generator, weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """One column for each row of unnormalised weights (N, K): (N,)."""
    cumulative = np.cumsum(weights, axis=1)
    point = random.random(len(weights)) * cumulative[:, -1]
    return np.asarray(np.minimum((cumulative <= point[:, None]).sum(axis=1), weights.shape[1] - 1))
