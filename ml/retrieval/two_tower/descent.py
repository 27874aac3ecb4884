"""One pass after the other down a loss: the part of a training that does not depend on what is learned."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ml.data.arrays import Ints
from ml.logs import progress
from ml.neural import learning_rate_at


@dataclass(frozen=True)
class Descent:
    """An optimiser whose learning rate rises shortly and then decays over all epochs."""

    optimiser: torch.optim.Optimizer
    learning_rate: float  # at its peak
    epochs: int
    name: str  # of the retriever, for the progress shown

    def epoch(self, number: int, batches: Sequence[Ints], loss_of: Callable[[Ints], Tensor]) -> float:
        """One step a batch.

        Args:
            number: Of the epoch, from 0 on.
            batches: The rows of each batch.
            loss_of: From a batch's rows to its loss.

        Returns:
            The mean loss of the batches; 0 where there are none.
        """
        total = 0.0
        for place, rows in enumerate(progress(batches, f"{self.name}, epoch {number + 1}", len(batches))):
            done = (number + (place + 1) / len(batches)) / self.epochs
            for group in self.optimiser.param_groups:
                group["lr"] = self.learning_rate * learning_rate_at(done)
            loss = loss_of(rows)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            total += float(loss.detach())
        return total / max(len(batches), 1)
