"""What can be set for the deep & cross network (no torch here: forms and commands read this)."""

from typing import Literal

from pydantic import Field

from ml.domains.frozen import Frozen


class DcnParameters(Frozen):
    """Every setting of the deep & cross network, with its unit."""

    cross_layers: int = Field(2, ge=0, le=8, description="Cross layers: features of degree up to this plus one.")
    cross_rank: int = Field(32, ge=0, le=4096, description="Rank of each cross layer's matrix; 0: full.")
    hidden_sizes: tuple[int, ...] = Field((64, 32), description="Units of each layer of the deep tower.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Probability that a unit of the deep tower is dropped.")
    quantiles: int = Field(64, ge=2, le=1024, description="Knots of the scale that each feature is brought to.")
    batch_size: int = Field(128, ge=1, description="Requests in a batch.")
    epochs: int = Field(4, ge=1, le=1000, description="Most passes over the training requests.")
    patience: int = Field(2, ge=1, description="Epochs without a better validation nDCG@10 before it stops.")
    learning_rate: float = Field(2e-3, gt=0, le=1, description="Peak step of AdamW; it rises, then decays.")
    weight_decay: float = Field(1e-4, ge=0, description="Decoupled weight decay of AdamW.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="`auto`: CUDA where there is any.")
