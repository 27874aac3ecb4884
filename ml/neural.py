"""What every model in PyTorch shares: where it runs, how fast it learns, and how it runs the same again."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

WARM_UP = 0.05  # share of all steps over which the learning rate rises
FINAL_RATE = 0.1  # share of the learning rate that the cosine decays to


@contextmanager
def reproducible(threads: int, seed: int) -> Iterator[None]:
    """Torch with fixed threads, fixed seed and deterministic kernels; as it was before, afterwards."""
    import torch

    kernels: Any = torch.utils.deterministic  # whose attribute is one of its class, which typing does not see
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), kernels.fill_uninitialized_memory
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    kernels.fill_uninitialized_memory = False  # nothing here reads what it has not written; filling takes a tenth
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        kernels.fill_uninitialized_memory = before[2]


def device_of(wanted: str) -> "torch.device":
    """The device of this name; `auto`: CUDA where there is any."""
    import torch

    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wanted)


def learning_rate_at(done: float) -> float:
    """Share of the peak learning rate when this share of all steps is done: a short rise, then a cosine."""
    cosine = FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * done))
    return min(1.0, done / WARM_UP) * cosine
