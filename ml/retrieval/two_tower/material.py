"""All that the epochs of one training share, computed once.

Shapes: R training requests, P popularity features.
"""

from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Floats
from ml.data.dataset import Dataset
from ml.errors import BadInput
from ml.retrieval.two_tower.content import content_of
from ml.retrieval.two_tower.encoding import Encoder, Scaling
from ml.retrieval.two_tower.inputs import (
    DAY,
    POPULARITY_FEATURES,
    REQUEST_FEATURES,
    cadence_of,
    popularity,
    request_features,
    window_of,
)  # fmt: skip
from ml.retrieval.two_tower.network import Sizes
from ml.retrieval.two_tower.parameters import TwoTowerParameters
from ml.retrieval.two_tower.sampling import Shares, TrainingRequests, training_requests

SCALING_REQUESTS = 4096  # that the mean and deviation of the request features are taken from


@dataclass(frozen=True)
class Material:
    """What is learned from."""

    requests: TrainingRequests
    popularity: Floats  # (periods, items, P) as of the start of each cadence
    shares: Shares
    encoder: Encoder
    sizes: Sizes
    keep: Floats  # (R,) probability that a request takes part in an epoch: recent ones more often


def prepare(dataset: Dataset, parameters: TwoTowerParameters) -> Material:
    """Read the log before t1; raises `BadInput` where it holds no target event."""
    requests = training_requests(dataset)
    if not len(requests):
        raise BadInput(
            f"{dataset.path}: two_tower has nothing to learn from: no event before {dataset.windows.t1:%Y-%m-%d} is one "
            f"of {', '.join(dataset.domain.target_events)}. Land earlier events or choose a later as-of date."
        )
    known = popularity(dataset.log, requests.starts, cadence_of(dataset))
    encoder = _encoder(dataset, requests, known, parameters)
    tokens = int(encoder.tokens.values.max(initial=-1)) + 1
    sizes = Sizes(int(encoder.id.max()), tokens, len(dataset.places), len(REQUEST_FEATURES), POPULARITY_FEATURES)
    age = (requests.views.moment.max() - requests.views.moment) / DAY
    keep = (0.5 ** (age / parameters.half_life_days)).astype(np.float32)
    return Material(requests, known, Shares.of(requests, dataset.log.items), encoder, sizes, keep)


def _encoder(dataset: Dataset, requests: TrainingRequests, known: Floats, parameters: TwoTowerParameters) -> Encoder:
    own = np.bincount(dataset.log.item, minlength=dataset.log.items) >= parameters.minimum_count
    sample = requests.views.take(np.arange(0, len(requests), max(1, len(requests) // SCALING_REQUESTS)))
    features = request_features(sample, window_of(sample, parameters.history_length))
    return Encoder(
        np.where(own, np.cumsum(own), 0).astype(np.int32), content_of(dataset.catalogue),
        Scaling.of(known.reshape(-1, POPULARITY_FEATURES)), Scaling.of(features),
    )  # fmt: skip
