"""The recurrent network (Hidasi et al., ICLR 2016; with users Quadrana et al., RecSys 2017).

Shapes: B sessions side by side, T clicks, D embedding size, H hidden size, I items, F content features.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ml.sessions.hrnn.parameters import HrnnParameters


@dataclass(frozen=True)
class UserState:
    """What earlier sessions left, a row a user; a user without any has a row of zeros and is not known."""

    value: Tensor  # (B, H)
    known: Tensor  # (B, 1) 1 or 0

    @classmethod
    def empty(cls, rows: int, size: int, device: torch.device) -> "UserState":
        """Nobody known."""
        return cls(torch.zeros(rows, size, device=device), torch.zeros(rows, 1, device=device))


class CausalAttention(nn.Module):
    """Each state's weighted mean of the states up to it (in the manner of NARM, Li et al., CIKM 2017)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.query = nn.Linear(size, size, bias=False)
        self.key = nn.Linear(size, size, bias=False)

    def forward(self, states: Tensor) -> Tensor:
        """(B, T, H) → (B, T, H)."""
        likeness = self.query(states) @ self.key(states).transpose(1, 2) / states.shape[2] ** 0.5  # (B, T, T)
        later = torch.ones(states.shape[1], states.shape[1], dtype=torch.bool, device=states.device).triu(1)
        mixed: Tensor = likeness.masked_fill(later, -torch.inf).softmax(dim=2) @ states
        return mixed


class UserLayer(nn.Module):
    """A GRU over sessions, and how its state enters the next session."""

    def __init__(self, parameters: HrnnParameters) -> None:
        super().__init__()
        self.step = nn.GRUCell(parameters.hidden_size, parameters.hidden_size)
        self.start = nn.Linear(parameters.hidden_size, parameters.hidden_size)
        self.feed = nn.Linear(parameters.hidden_size, parameters.embedding_size, bias=False)

    def forward(self, ended: Tensor, before: UserState) -> UserState:
        """The users' states after their sessions ended in the states `ended` (B, H)."""
        return UserState(self.step(ended, before.value), torch.ones_like(before.known))


class ContentLayer(nn.Module):
    """What an item's features add to the vector of its id.

    While learning, the id is left out now and then (Volkovs et al., "DropoutNet", NIPS 2017), so that the features
    alone come to say where an item stands: an item that nobody clicked yet, whose id says nothing, can be scored.
    """

    features: Tensor

    def __init__(self, content: Tensor, parameters: HrnnParameters) -> None:
        super().__init__()
        self.register_buffer("features", functional.pad(content, (0, 0, 1, 0)))  # (I + 1, F)
        self.project = nn.Linear(content.shape[1], parameters.embedding_size, bias=False)
        self.id_dropout = parameters.id_dropout

    def forward(self, items: Tensor, of_id: Tensor) -> Tensor:
        """(..., D) the vectors of 1-based items, given those of their ids."""
        if self.training and self.id_dropout:
            kept = torch.rand(items.shape, device=items.device) >= self.id_dropout
            of_id = of_id * kept[..., None]
        mixed: Tensor = of_id + self.project(self.features[items])
        return mixed


class HrnnNetwork(nn.Module):
    """A GRU over clicks whose input and output items are the same vectors."""

    def __init__(self, items: int, parameters: HrnnParameters, content: Tensor | None = None) -> None:
        """Draw the weights.

        Args:
            items: I.
            parameters: Its sizes and parts.
            content: (I, F) features of the items, or None: items are known by their ids alone.
        """
        super().__init__()
        size, hidden = parameters.embedding_size, parameters.hidden_size
        self.parameters_ = parameters
        self.item = nn.Embedding(items + 1, size, padding_idx=0)
        nn.init.normal_(self.item.weight, std=0.1)
        with torch.no_grad():
            self.item.weight[0] = 0
        self.session = nn.GRU(size, hidden, batch_first=True)
        self.attention = CausalAttention(hidden) if parameters.attention else None
        self.readout = nn.Linear(hidden * (1 + parameters.attention), size)
        self.dropout = nn.Dropout(parameters.dropout)
        self.content = ContentLayer(content, parameters) if content is not None else None
        self.user = UserLayer(parameters) if parameters.user != "none" else None  # last: it draws after all others

    @property
    def items(self) -> int:
        """I, the size of the catalogue."""
        return self.item.num_embeddings - 1

    def states(self, embedded: Tensor, user: UserState) -> Tensor:
        """(B, T, H) the session's state after each click.

        Args:
            embedded: (B, T, D) `vectors` of the items, anything after a session's end.
            user: Of the sessions' users; somebody unknown starts from zeros, as without users.
        """
        return self.onward(embedded, self.start(user), user)

    def start(self, user: UserState) -> Tensor:
        """(B, H) the state in which these users' next sessions begin."""
        if self.user is None:
            return torch.zeros_like(user.value)
        return torch.tanh(self.user.start(user.value)) * user.known

    def onward(self, embedded: Tensor, state: Tensor, user: UserState) -> Tensor:
        """(B, T, H) the states after further clicks (B, T, D), from the states (B, H) that the sessions are in."""
        if self.user is not None and self.parameters_.user == "all":
            embedded = embedded + (self.user.feed(user.value) * user.known)[:, None, :]
        states: Tensor = self.session(self.dropout(embedded), state[None].contiguous())[0]
        return states

    def read(self, states: Tensor) -> Tensor:
        """(B, T, D) what to look for after each click."""
        if self.attention is not None:
            states = torch.cat([states, self.attention(states)], dim=2)
        return self._direction(self.readout(self.dropout(states)))

    def vectors(self, items: Tensor) -> Tensor:
        """(..., D) vectors of 1-based item numbers."""
        found = self.item(items)
        return self._direction(found if self.content is None else self.content(items, found))

    @property
    def scale(self) -> float:
        """What scores are multiplied by to become logits."""
        return 1 / self.parameters_.temperature if self.parameters_.normalised else 1.0

    def _direction(self, vectors: Tensor) -> Tensor:
        return functional.normalize(vectors, dim=-1) if self.parameters_.normalised else vectors


def last_states(states: Tensor, lengths: Tensor) -> Tensor:
    """(B, H) of states (B, T, H), each session's after its last click (lengths (B,) of at least 1)."""
    return states[torch.arange(len(states), device=states.device), lengths - 1]
