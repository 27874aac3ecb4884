"""Several processes that learn one network, each from its share of the users (`torchrun --nproc-per-node 2 …`).

All of them draw the same groups and the same negatives, and take one step together from the sum of their gradients:
but for the order in which numbers are added, and for dropout, the weights are those of one process.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from ml.sessions.hrnn.batching import Step


@dataclass(frozen=True)
class Workers:
    """Which of how many processes this one is."""

    rank: int = 0
    count: int = 1

    def own(self, step: Step) -> Step:
        """The part of a step that this process takes; a user stays with one process."""
        if self.count == 1:
            return step
        kept = step.lane % self.count == self.rank
        return Step(step.row[kept], step.lane[kept], step.first)

    def total(self, value: Tensor) -> Tensor:
        """The sum of a tensor over all processes."""
        if self.count > 1:
            value = value.clone()
            distributed.all_reduce(value)
        return value

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every process the sum of all gradients; a weight that no process used keeps none."""
        if self.count == 1:
            return
        parameters = list(parameters)
        used = self.total(torch.tensor([float(each.grad is not None) for each in parameters]))
        for parameter, users in zip(parameters, used.tolist(), strict=True):
            if users:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                distributed.all_reduce(parameter.grad)


@contextmanager
def joined(device: torch.device) -> Iterator[Workers]:
    """Which process it is of those that torchrun started (it says so in the environment), or the only one."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Workers()
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Workers(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
