"""The two towers: the same stack of blocks over the facts of a user and over those of an item.

Shapes: N rows, B users, I items, H size of what is held, D embedding size.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ml.retrieval.attribute_towers.encoding import FactBatch, FactEncoder
from ml.retrieval.attribute_towers.parameters import AttributeTowersParameters


class FactReader(nn.Module):
    """Facts side by side: numbers, which of them are unknown, and an embedding of each category."""

    def __init__(self, encoder: FactEncoder, parameters: AttributeTowersParameters) -> None:
        super().__init__()
        sizes = [min(parameters.category_size, texts + 1) for texts in encoder.texts]
        self.embeddings = nn.ModuleList(
            nn.Embedding(texts + 1, size) for texts, size in zip(encoder.texts, sizes, strict=True)
        )
        self.dropout = parameters.fact_dropout
        self.width = 2 * (len(encoder.facts) - len(sizes)) + sum(sizes)

    def forward(self, facts: FactBatch) -> Tensor:
        """(N, width)."""
        numbers, unknown, codes = facts.numbers, facts.unknown, facts.codes
        if self.training and self.dropout:
            dropped = torch.rand_like(numbers) < self.dropout
            numbers, unknown = numbers.masked_fill(dropped, 0), unknown.masked_fill(dropped, 1)
            codes = codes.masked_fill(torch.rand(codes.shape, device=codes.device) < self.dropout, 0)
        embedded = [embedding(codes[:, place]) for place, embedding in enumerate(self.embeddings)]
        return torch.cat([numbers, unknown, *embedded], dim=1)


class Norm(nn.BatchNorm1d):
    """Batch normalisation, under which a row alone, that has no deviation, is scaled as it is in serving."""

    def forward(self, inputs: Tensor) -> Tensor:
        """(N, hidden)."""
        if len(inputs) > 1:
            return super().forward(inputs)
        return functional.batch_norm(
            inputs, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        )


class Tower(nn.Module):
    """Blocks of dense, batch normalisation, ReLU and dropout, down to a vector of length one."""

    def __init__(self, width: int, parameters: AttributeTowersParameters) -> None:
        super().__init__()
        hidden = parameters.hidden_size
        blocks: list[nn.Module] = []
        for before in (width, *[hidden] * (parameters.layers - 1)):
            blocks += [nn.Linear(before, hidden), Norm(hidden), nn.ReLU(), nn.Dropout(parameters.dropout)]
        self.blocks = nn.Sequential(*blocks, nn.Linear(hidden, parameters.embedding_size))

    def forward(self, inputs: Tensor) -> Tensor:
        """(N, D) unit vectors of the inputs (N, width)."""
        return functional.normalize(self.blocks(inputs), dim=1)


class AttributeNetwork(nn.Module):
    """Both towers, and how a user's items are read: by their facts too, so that no item is known by its number."""

    def __init__(self, users: FactEncoder, items: FactEncoder, parameters: AttributeTowersParameters) -> None:
        super().__init__()
        self.user_facts, self.item_facts = FactReader(users, parameters), FactReader(items, parameters)
        self.held_facts = FactReader(items, parameters)
        self.held = nn.Linear(self.held_facts.width, parameters.held_size)
        self.user_tower = Tower(self.user_facts.width + parameters.held_size, parameters)
        self.item_tower = Tower(self.item_facts.width, parameters)

    def items(self, facts: FactBatch) -> Tensor:
        """(N, D) unit vectors of items."""
        vectors: Tensor = self.item_tower(self.item_facts(facts))
        return vectors

    def as_held(self, facts: FactBatch) -> Tensor:
        """(I, H) what having each item of the catalogue says about a user."""
        return functional.relu(self.held(self.held_facts(facts)))

    def users(self, facts: FactBatch, as_held: Tensor, held: tuple[Tensor, Tensor]) -> Tensor:
        """(B, D) unit vectors of users.

        Args:
            facts: Of the users.
            as_held: (I, H) see `as_held`.
            held: The items that each user has, one after the other, and where each user's begin (B,).
        """
        together = functional.embedding_bag(held[0], as_held, held[1], mode="sum")  # (B, H); 0 for nothing
        vectors: Tensor = self.user_tower(torch.cat([self.user_facts(facts), together], dim=1))
        return vectors
