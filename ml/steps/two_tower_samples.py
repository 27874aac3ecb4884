"""The two-tower in the shape of published examples: samples of customers and products, attributes and one label."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ml.data.generators import SAMPLES, get_generator
from ml.data.samples import Samples, load_samples, samples_of
from ml.evaluation.arrays import Doubles
from ml.evaluation.metrics import ACCURACY_NAMES, accuracy
from ml.retrieval.contract import top_k
from ml.settings import settings
from ml.steps.cost import measured
from ml.steps.paired import less_first
from ml.steps.sample_models import MODELS

METRICS = ("mrr@5", "precision@5", "recall@5", "ndcg@5")
DEPTH = 5
GENERATED = {"customers": 10_000, "months": 3, "seed": 101}  # a seed of development: no result is judged on it
DRAWN = 10_000  # samples


def bench_two_tower_samples(
    samples: Path | None = None, *, generator: str = "santander", seed: int = 7
) -> dict[str, Any]:
    """Fit every model on the samples of some customers and rank all products for the others.

    A product without a sample of the customer counts as not wanted: who asks for it anyway is wrong.

    Args:
        samples: Parquet file, see `ml.data.samples`; None: drawn from what the generator makes.
        generator: Which, where there is no file.
        seed: Of the split, and of everything else drawn at random.

    Returns:
        `samples`, `customers`, `products` and `tested_customers` as counts, and `rows`, one a model: `model`, `metrics`
        (`mean`, `low`, `high`), `less_two_tower` (the paired `difference` of each, `low`, `high`) and
        `train_cpu_seconds`.

    Raises:
        BadInput: names the file, the row, the field and the remedy.
    """
    known = load_samples(samples) if samples else _generated(generator)
    train, test = known.split(seed)
    found, seconds = [], []
    for fit in MODELS.values():
        with measured() as cost:
            score = fit(train, seed=seed, threads=settings().threads)
        ranking = top_k(score(test.customers, test.products), DEPTH)
        found.append(accuracy(ranking, test.positives))
        seconds.append(round(cost.cpu_seconds, 2))
    return {
        "samples": len(known), "customers": len(known.customers), "products": len(known.products),
        "tested_customers": len(test.customers), "rows": _rows(found, seconds, seed),
    }  # fmt: skip


def _generated(generator: str) -> Samples:
    """Samples of a small bank, shop or whatever the generator makes, which is not kept."""
    generate = get_generator(generator)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "generated"
        generate(folder, **GENERATED)
        drawn = SAMPLES[generator](folder, samples=DRAWN, seed=GENERATED["seed"])
    return samples_of(drawn, generator)


def _rows(found: list[Doubles], seconds: list[float], seed: int) -> list[dict[str, Any]]:
    customers = np.arange(len(found[0]))
    compared = {}
    for name in METRICS:
        column = ACCURACY_NAMES.index(name)
        compared[name] = less_first([each[:, column] for each in found], customers, seed=seed)
    return [
        {
            "model": model,
            "metrics": {name: compared[name][place][0].as_dict() for name in METRICS},
            "less_two_tower": {name: compared[name][place][1].as_dict("difference") for name in METRICS},
            "train_cpu_seconds": seconds[place],
        }
        for place, model in enumerate(MODELS)
    ]
