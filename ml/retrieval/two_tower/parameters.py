"""What can be set for the two-tower retriever (no torch here: forms and commands read this)."""

from typing import Annotated, Literal

from pydantic import Field

from ml.domains.frozen import Frozen
from ml.searched import Searched


class TwoTowerParameters(Frozen):
    """Every setting of the two-tower retriever, with its unit."""

    embedding_size: Annotated[int, Searched(32, 128, log=True)] = Field(
        64, ge=2, le=1024, description="Dimensions of the request and item vectors."
    )
    hidden_size: int = Field(256, ge=2, le=4096, description="Units of each tower's hidden layer.")
    pooling_heads: int = Field(4, ge=1, le=16, description="Learned weightings under which a history is pooled.")
    history_length: int = Field(128, ge=1, le=2048, description="Latest events of a request that are read.")
    minimum_count: int = Field(3, ge=1, description="Events before t1 that earn an item an embedding of its own.")
    id_dropout: float = Field(
        0.2, ge=0, lt=1, description="Probability that an item must do without its own embedding."
    )
    dropout: Annotated[float, Searched(0, 0.5)] = Field(
        0.2, ge=0, lt=1, description="Probability that a unit of a hidden layer is dropped."
    )
    loss: Literal["softmax", "contrastive", "triplet"] = Field(
        "softmax",
        description="`softmax`: sampled softmax with log-q correction; `contrastive`: InfoNCE, uncorrected; "
        "`triplet`: hinge with a margin.",
    )
    temperature: Annotated[float, Searched(0.03, 0.2, log=True)] = Field(
        0.07, gt=0, le=1, description="What cosines are divided by (softmax, contrastive)."
    )
    margin: float = Field(0.2, gt=0, le=2, description="Cosine by which a positive must lead (triplet).")
    hard_negatives: int = Field(
        0, ge=0, description="Highest-scored negatives of a request that count; 0: all of them (triplet: 10)."
    )
    uniform_negatives: int = Field(2048, ge=0, description="Items drawn uniformly and added to each batch.")
    repeat_weight: Annotated[float, Searched(0, 1)] = Field(
        1.0, ge=0, le=1, description="Weight of a positive that the user had taken before."
    )
    half_life_days: Annotated[float, Searched(30, 365, log=True)] = Field(
        120.0, gt=0, description="Age at which a training request is drawn half as often."
    )
    positives: int = Field(24, ge=1, description="Most positives of one request in one epoch, drawn at random.")
    batch_size: int = Field(384, ge=1, description="Requests in a batch.")
    epochs: int = Field(3, ge=1, le=1000, description="Most passes over the training requests.")
    patience: int = Field(3, ge=1, description="Epochs without a better validation recall@100 before stopping.")
    learning_rate: Annotated[float, Searched(1e-3, 1e-2, log=True)] = Field(
        3e-3, gt=0, le=1, description="Peak step of AdamW; decays to a tenth by cosine."
    )
    weight_decay: float = Field(1e-4, ge=0, description="Decoupled weight decay of AdamW.")
    validation_requests: int = Field(2000, ge=1, description="Most requests of a validation period that are scored.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="`auto`: CUDA where there is any.")
