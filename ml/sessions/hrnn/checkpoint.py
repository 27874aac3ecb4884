"""What a training needs to go on after a kill: one file an epoch, replaced whole, so that a half one never stands.

The file is safetensors: the weights, the optimiser's moments and torch's random state; its header holds, as JSON,
the curve and the time so far, numpy's random state, and the key of the training that it belongs to.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ml.errors import BadInput
from ml.sessions.hrnn.course import Course, Spent
from ml.sessions.hrnn.network import HrnnNetwork

WEIGHT, MOMENT, RANDOM = "weight.", "moment.", "random"


@dataclass(frozen=True)
class Moving:
    """The parts of a training that change from epoch to epoch."""

    network: HrnnNetwork
    optimiser: torch.optim.Optimizer
    random: np.random.Generator


@dataclass(frozen=True)
class Checkpoint:
    """A training's place on disk; without a path it keeps nothing."""

    path: Path | None
    key: str  # identifies parameters, seed and sessions

    def write(self, moving: Moving, course: Course) -> None:
        """Replace what stands there by the state after an epoch."""
        if self.path is None:
            return
        from safetensors.torch import save_file

        tensors = {WEIGHT + name: value for name, value in moving.network.state_dict().items()}
        for number, moments in moving.optimiser.state_dict()["state"].items():
            tensors |= {f"{MOMENT}{number}.{name}": value for name, value in moments.items()}
        tensors[RANDOM] = torch.get_rng_state()
        header = {"key": self.key, "random": moving.random.bit_generator.state, **asdict(course)}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        save_file({name: value.cpu().contiguous() for name, value in tensors.items()}, beside, {"": json.dumps(header)})
        os.replace(beside, self.path)

    def restore(self, moving: Moving) -> Course:
        """Set everything back to the last epoch and return the course up to it; empty where nothing was kept.

        Raises:
            BadInput: where the file belongs to another training.
        """
        if self.path is None or not self.path.exists():
            return Course()
        from safetensors import safe_open

        with safe_open(self.path, framework="pt") as file:
            header = json.loads(file.metadata()[""])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        if header["key"] != self.key:
            raise BadInput(
                f"{self.path}: the checkpoint is of other sessions, parameters or another seed: "
                "remove it, or train as before"
            )
        moving.network.load_state_dict(_part(tensors, WEIGHT))
        _restore_moments(moving.optimiser, _part(tensors, MOMENT))
        torch.set_rng_state(tensors[RANDOM])
        moving.random.bit_generator.state = header["random"]
        return Course(header["curve"], Spent(**header["spent"]))


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _restore_moments(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Any]] = {}
    for name, value in tensors.items():
        number, moment = name.split(".", 1)
        state.setdefault(int(number), {})[moment] = value
    optimiser.load_state_dict(optimiser.state_dict() | {"state": state})
