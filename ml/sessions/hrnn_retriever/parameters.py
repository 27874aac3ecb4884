"""What can be set for the recurrent retriever (no torch here: forms and commands read this)."""

from typing import Annotated, Literal

from pydantic import Field

from ml.domains.frozen import Frozen
from ml.searched import Searched
from ml.sessions.hrnn.parameters import HrnnParameters


class HrnnRetrieverParameters(Frozen):
    """Every setting of the recurrent retriever, with its unit."""

    embedding_size: Annotated[int, Searched(32, 128, log=True)] = Field(
        64, ge=2, le=1024, description="Dimensions of an item; input and output share them."
    )
    hidden_size: int = Field(64, ge=2, le=1024, description="Units of the session's state and of the user's.")
    user: Literal["none", "init", "all"] = Field(
        "init", description="What a user's earlier sessions do: nothing, start the session's state, or feed each step."
    )
    session: Literal["visit", "cadence"] = Field(
        "visit",
        description="What one session of the network is: a visit, at whose beginning its first step is asked for, or all "
        "that a user did in a cadence, such as a month, at whose beginning all that the user then takes is.",
    )
    history_sessions: int = Field(16, ge=1, le=1024, description="Latest sessions of a user that are read.")
    session_steps: int = Field(50, ge=1, le=10_000, description="Latest steps of a session that are read.")
    minimum_count: int = Field(5, ge=1, description="Events before t1 that earn an item a vector.")
    half_life_days: Annotated[float, Searched(7, 120, log=True)] = Field(
        28.0, gt=0, description="Days after which an event counts half in the popularity that is added to each logit."
    )
    dropout: Annotated[float, Searched(0, 0.5)] = Field(
        0.1, ge=0, lt=1, description="Probability that a unit of input or readout is dropped."
    )
    negatives: int = Field(512, ge=1, description="Items drawn for each batch, shared by all its steps.")
    negative_power: float = Field(0.5, ge=0, le=1, description="Items are drawn by popularity to this power.")
    batch_size: int = Field(256, ge=1, description="Sessions in a batch, about: those of one user stay together.")
    epochs: int = Field(3, ge=1, le=1000, description="Passes over the sessions.")
    learning_rate: Annotated[float, Searched(1e-3, 2e-2, log=True)] = Field(
        1e-2, gt=0, le=1, description="Peak step of AdamW; decays to a tenth by cosine."
    )
    weight_decay: float = Field(1e-4, ge=0, description="Decoupled weight decay of AdamW.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="`auto`: CUDA where there is any.")

    @property
    def sessions_read(self) -> int:
        """Sessions before the current one that an answer takes in; without users the latest stands for a current one."""
        return 1 if self.user == "none" else self.history_sessions

    @property
    def network(self) -> HrnnParameters:
        """The parts of the network.

        Dot products, since popularity is added to them: an item of which little is known stays near to that. The
        steps of a shop's sessions are too few for a read-out by attention.
        """
        return HrnnParameters(
            embedding_size=self.embedding_size, hidden_size=self.hidden_size, user=self.user, dropout=self.dropout,
            attention=False, normalised=False,
        )  # fmt: skip
