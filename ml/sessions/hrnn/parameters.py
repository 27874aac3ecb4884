"""What can be set for the recurrent session model (no torch here: parameter files and forms read this)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ml.domains.frozen import Frozen
from ml.searched import Searched
from ml.sessions.sessions import HalfLife


class HrnnParameters(Frozen):
    """Every setting of the recurrent session model, with its unit."""

    embedding_size: Annotated[int, Searched(32, 256, log=True)] = Field(
        100, ge=2, le=1024, description="Dimensions of an item; input and output share them."
    )
    hidden_size: int = Field(100, ge=2, le=1024, description="Units of the session's state and of the user's.")
    user: Literal["none", "init", "all"] = Field(
        "init", description="What a user's earlier sessions do: nothing, start the session's state, or feed each step."
    )
    attention: bool = Field(True, description="Read the session out through attention over all its states.")
    normalised: bool = Field(True, description="Compare directions (cosine over temperature), not dot products.")
    temperature: Annotated[float, Searched(0.03, 0.3, log=True)] = Field(
        1 / 12, gt=0, le=1, description="What cosines are divided by."
    )
    dropout: Annotated[float, Searched(0, 0.6)] = Field(
        0.2, ge=0, lt=1, description="Probability that a unit of input or readout is dropped."
    )
    id_dropout: float = Field(
        0.1, ge=0, lt=1, description="Probability that an item is learned by its content alone, where it has any."
    )
    loss: Literal["softmax", "sampled_softmax", "bpr_max"] = Field("sampled_softmax", description="What is minimised.")
    negatives: int = Field(4096, ge=1, description="Items drawn for each batch, shared by all its clicks.")
    negative_power: float = Field(0.5, ge=0, le=1, description="Items are drawn by popularity to this power.")
    score_penalty: float = Field(0.5, ge=0, description="Weight of the squared scores of the negatives (bpr_max).")
    training: Literal["sequences", "prefixes"] = Field(
        "sequences", description="A session is one row with a loss a click, or each of its prefixes is a row."
    )
    half_life: HalfLife = Field(
        0.0,
        ge=0,
        description="Age at which a session's loss counts half, as a share of the time that the sessions span; 0: never.",
    )
    batch_size: int = Field(256, ge=1, description="Users (or sessions, where nobody is known) side by side.")
    epochs: int = Field(6, ge=1, le=1000, description="Passes over the sessions.")
    least_steps: int = Field(
        0, ge=0, description="Steps of the optimiser, at least: where the sessions are few, there are more epochs."
    )
    learning_rate: Annotated[float, Searched(1e-3, 2e-2, log=True)] = Field(
        4e-3, gt=0, le=1, description="Peak step of Adam; decays to a tenth by cosine."
    )
    weight_decay: float = Field(0.0, ge=0, description="Decoupled weight decay of AdamW.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="`auto`: CUDA where there is any.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.training == "prefixes" and self.user != "none":
            raise ValueError("prefixes stand alone, so they know no user: set user to none or training to sequences")
        return self
