"""How far a training has come, and what that took: handed on from process to process where one was killed."""

import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Spent:
    """Time, in seconds."""

    wall: float = 0.0
    processor: float = 0.0  # of all threads

    @classmethod
    def now(cls) -> "Spent":
        """What the clocks of this process show."""
        return cls(time.perf_counter(), time.process_time())

    def since(self, began: "Spent") -> "Spent":
        """From one look at the clocks to this one."""
        return Spent(self.wall - began.wall, self.processor - began.processor)

    def plus(self, other: "Spent") -> "Spent":
        """Both together."""
        return Spent(self.wall + other.wall, self.processor + other.processor)


NOTHING = Spent()


@dataclass(frozen=True)
class Course:
    """How a training went."""

    curve: list[float] = field(default_factory=list)  # mean loss of each epoch
    spent: Spent = NOTHING  # on these epochs
