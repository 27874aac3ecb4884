"""The deep & cross network behind the rankers' contract."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from ml.artifacts import read_json, write_json
from ml.data.arrays import Floats
from ml.ranking.contract import DESCRIPTION, LabelledFrame
from ml.ranking.dcn.parameters import DcnParameters
from ml.ranking.dcn.scaling import Scaling
from ml.ranking.frame import Frame

if TYPE_CHECKING:  # torch is imported where a method needs it: looking the class up must stay cheap
    from ml.ranking.dcn.network import DcnNetwork

WEIGHTS = "weights.safetensors"
NETWORK, SCALING = "network.", "scaling."  # prefixes of the tensors in the file


@dataclass(frozen=True)
class Dcn:
    """A fitted network; its scores are logits, without a position (Wang et al., WWW 2021)."""

    name: ClassVar[str] = "dcn"
    Parameters: ClassVar[type[DcnParameters]] = DcnParameters
    neural: ClassVar[bool] = True

    network: "DcnNetwork"
    scaling: Scaling
    features: tuple[str, ...]
    parameters: DcnParameters
    curves: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def fit(
        cls, train: LabelledFrame, validation: LabelledFrame, parameters: DcnParameters, *, seed: int, threads: int
    ) -> Self:
        """Learn on `train` until nDCG@10 on `validation` stops rising.

        Where `train` has positions, a position tower learns beside the network and is thrown away afterwards; where
        it has weights, labels count that much.
        """
        from ml.ranking.dcn.training import train as fitted

        network, scaling, curves = fitted(train, validation, parameters, seed=seed, threads=threads)
        return cls(network, scaling, train.frame.names, parameters, curves)

    def predict(self, frame: Frame) -> Floats:
        """(N,) scores, higher is better."""
        from ml.ranking.dcn.training import scores

        return scores(self.network, self.scaling(frame.select(self.features)))

    def importance(self) -> None:
        """None: what a network of products looks at is no number a feature."""
        return

    def save(self, folder: Path) -> None:
        """Write `weights.safetensors` and `ranker.json`."""
        from safetensors.numpy import save_file

        folder.mkdir(parents=True, exist_ok=True)
        tensors = {NETWORK + name: value.numpy() for name, value in self.network.state_dict().items()}
        tensors |= {SCALING + name: getattr(self.scaling, name) for name in ("knots", "levels", "gaps")}
        save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, folder / WEIGHTS)
        parameters = self.parameters.model_dump(mode="json")
        described = {"features": self.features, "parameters": parameters, "curves": self.curves}
        write_json(folder / DESCRIPTION, {"ranker": self.name, **described})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        import torch
        from safetensors.numpy import load_file

        from ml.ranking.dcn.network import DcnNetwork

        described, tensors = read_json(folder / DESCRIPTION), load_file(folder / WEIGHTS)
        parameters = DcnParameters.model_validate(described["parameters"])
        scaling = Scaling(*(tensors[SCALING + name] for name in ("knots", "levels", "gaps")))
        network = DcnNetwork(torch.from_numpy(scaling.gaps), parameters)
        network.load_state_dict(
            {
                name.removeprefix(NETWORK): torch.from_numpy(value)
                for name, value in tensors.items()
                if name.startswith(NETWORK)
            }
        )
        return cls(network.eval(), scaling, tuple(described["features"]), parameters, described["curves"])
