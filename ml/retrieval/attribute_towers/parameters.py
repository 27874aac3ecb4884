"""What can be set for the towers over attributes (no torch here: forms and commands read this)."""

from typing import Annotated, Literal

from pydantic import Field

from ml.domains.frozen import Frozen
from ml.searched import Searched


class AttributeTowersParameters(Frozen):
    """Every setting of the towers over attributes, with its unit."""

    embedding_size: Annotated[int, Searched(8, 64, log=True)] = Field(
        32, ge=2, le=1024, description="Dimensions of the user and item vectors."
    )
    hidden_size: int = Field(128, ge=2, le=4096, description="Units of each block of dense, batch norm, ReLU, dropout.")
    layers: Annotated[int, Searched(1, 3)] = Field(2, ge=1, le=8, description="Such blocks in each tower.")
    category_size: int = Field(8, ge=1, le=256, description="Dimensions of a category's embedding, at most.")
    held_size: int = Field(32, ge=1, le=1024, description="Dimensions in which the items that a user has are summed.")
    dropout: Annotated[float, Searched(0, 0.5)] = Field(
        0.1, ge=0, lt=1, description="Probability that a unit of a block is dropped."
    )
    fact_dropout: Annotated[float, Searched(0, 0.3)] = Field(
        0.05, ge=0, lt=1, description="Probability that a fact is taken for unknown while learning."
    )
    loss: Literal["softmax", "contrastive", "triplet"] = Field(
        "softmax",
        description="`softmax`: sampled softmax with log-q correction; `contrastive`: InfoNCE, uncorrected; "
        "`triplet`: hinge with a margin.",
    )
    temperature: Annotated[float, Searched(0.03, 0.3, log=True)] = Field(
        0.1, gt=0, le=1, description="What cosines are divided by (softmax, contrastive)."
    )
    margin: float = Field(0.2, gt=0, le=2, description="Cosine by which a positive must lead (triplet).")
    hard_negatives: int = Field(
        0, ge=0, description="Highest-scored negatives of a request that count; 0: all of them (triplet: 10)."
    )
    uniform_negatives: int = Field(256, ge=0, description="Items drawn uniformly and added to each batch.")
    positives: int = Field(24, ge=1, description="Most positives of one request in one epoch, drawn at random.")
    batch_size: int = Field(256, ge=2, description="Requests in a batch.")
    epochs: int = Field(20, ge=1, le=1000, description="Passes over the training requests.")
    learning_rate: Annotated[float, Searched(1e-3, 1e-2, log=True)] = Field(
        3e-3, gt=0, le=1, description="Peak step of AdamW; decays to a tenth by cosine."
    )
    weight_decay: float = Field(1e-3, ge=0, description="Decoupled weight decay of AdamW.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="`auto`: CUDA where there is any.")
