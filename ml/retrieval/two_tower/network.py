"""The two towers.

Shapes: B requests, H history length, K pooling heads, D embedding size, C items, F request features, P popularity
features.
"""

from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from ml.retrieval.two_tower.parameters import TwoTowerParameters

PLACE_SIZE = 16
EVENT_FEATURES = 4  # log age, log rank, of the current session, log weight


@dataclass(frozen=True)
class Sizes:
    """What the data decides about the network."""

    ids: int  # items with an embedding of their own
    tokens: int  # content tokens
    places: int
    request_features: int
    popularity_features: int


@dataclass(frozen=True)
class Tensors:
    """Tensors that move together."""

    def to(self, device: torch.device) -> Self:
        """The same on this device."""
        return type(self)(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


@dataclass(frozen=True)
class ItemBatch(Tensors):
    """C items as the item tower reads them."""

    id: Tensor  # (C,) 1-based row of the id embedding; 0: it has none
    token: Tensor  # (T,) content tokens of all items, one after the other
    offset: Tensor  # (C,) where each item's tokens begin
    popularity: Tensor  # (C, P)


@dataclass(frozen=True)
class RequestBatch(Tensors):
    """B requests as the request tower reads them."""

    position: Tensor  # (B, H) row of each event's item among the embedded items
    valid: Tensor  # (B, H)
    event: Tensor  # (B, H, EVENT_FEATURES)
    features: Tensor  # (B, F)
    place: Tensor  # (B,) 1-based; 0: unknown


class ItemContent(nn.Module):
    """The sum of an item's token embeddings, brought to unit scale: what both towers know of an item's content."""

    def __init__(self, tokens: int, size: int) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(max(tokens, 1), size, mode="mean")
        nn.init.normal_(self.bag.weight, std=0.1)

    def forward(self, items: ItemBatch) -> Tensor:
        """(C, D)."""
        found: Tensor = self.bag(items.token, items.offset)
        return found


class ItemTower(nn.Module):
    """An item's vector from its own embedding, its content and its popularity of the moment."""

    def __init__(self, sizes: Sizes, parameters: TwoTowerParameters) -> None:
        super().__init__()
        size, hidden = parameters.embedding_size, parameters.hidden_size
        self.id = nn.Embedding(sizes.ids + 1, size, padding_idx=0)
        nn.init.normal_(self.id.weight, std=0.1)
        with torch.no_grad():
            self.id.weight[0] = 0
        self.mix = nn.Sequential(
            nn.Linear(size + sizes.popularity_features, hidden),
            nn.GELU(), nn.Dropout(parameters.dropout), nn.Linear(hidden, size),
        )  # fmt: skip

    def forward(self, content: Tensor, items: ItemBatch) -> Tensor:
        """(C, D) unit vectors."""
        raw = self.id(items.id) + content  # (C, D)
        return functional.normalize(raw + self.mix(torch.cat([raw, items.popularity], dim=1)), dim=1)


class HistoryPooling(nn.Module):
    """K weighted means of the history; each head learns how age, rank, session and the item itself weigh."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.of_event = nn.Linear(EVENT_FEATURES, heads)
        self.of_item = nn.Linear(size, heads, bias=False)
        with torch.no_grad():  # the heads start apart: one reads everything alike, the last mostly the latest
            self.of_event.weight[:] = torch.linspace(0, -1.5, heads)[:, None] * torch.tensor([0.3, 1.0, -1.0, 0.0])
            self.of_item.weight.mul_(0.1)

    def forward(self, item: Tensor, requests: RequestBatch) -> Tensor:
        """(B, K * D); zeros for an empty history."""
        weight = self.of_event(requests.event) + self.of_item(item)  # (B, H, K)
        weight = weight.masked_fill(~requests.valid[:, :, None], -1e9).softmax(dim=1)
        weight = weight * requests.valid[:, :, None]  # an empty history weighs nothing
        return torch.einsum("bhk,bhd->bkd", weight, item).flatten(1)


class RequestTower(nn.Module):
    """A request's vector from its pooled history, its counts and its place."""

    def __init__(self, sizes: Sizes, parameters: TwoTowerParameters) -> None:
        super().__init__()
        size, hidden, heads = parameters.embedding_size, parameters.hidden_size, parameters.pooling_heads
        self.id = nn.Embedding(sizes.ids + 1, size, padding_idx=0)
        nn.init.normal_(self.id.weight, std=0.1)
        with torch.no_grad():
            self.id.weight[0] = 0
        self.pool = HistoryPooling(size, heads)
        self.place = nn.Embedding(sizes.places + 1, PLACE_SIZE, padding_idx=0)
        self.mix = nn.Sequential(
            nn.Linear(heads * size + sizes.request_features + PLACE_SIZE, hidden),
            nn.GELU(), nn.Dropout(parameters.dropout), nn.Linear(hidden, size),
        )  # fmt: skip

    def embed(self, content: Tensor, items: ItemBatch) -> Tensor:
        """(C, D) the items as a history shows them."""
        found: Tensor = self.id(items.id) + content
        return found

    def forward(self, embedded: Tensor, requests: RequestBatch) -> Tensor:
        """(B, D) unit vectors, from items as `embed` gives them."""
        pooled = self.pool(embedded[requests.position], requests)  # (B, K * D)
        # A place that opened since the training says as little as an unknown one.
        place = requests.place.where(requests.place < self.place.num_embeddings, 0)
        return functional.normalize(self.mix(torch.cat([pooled, requests.features, self.place(place)], dim=1)), dim=1)


class TwoTowerNetwork(nn.Module):
    """Both towers over one shared reading of the content."""

    def __init__(self, sizes: Sizes, parameters: TwoTowerParameters) -> None:
        super().__init__()
        self.sizes = sizes
        self.content = ItemContent(sizes.tokens, parameters.embedding_size)
        self.item = ItemTower(sizes, parameters)
        self.request = RequestTower(sizes, parameters)
