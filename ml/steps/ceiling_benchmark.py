"""How near the recommender comes to the best that anybody could do, where that is known: on generated data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml.artifacts import build, code_digest
from ml.data.arrays import Indices, Ints
from ml.data.dataset import Dataset
from ml.data.requests import Requests
from ml.data.windows import to_micros
from ml.errors import BadInput
from ml.evaluation.evaluation import Evaluation, Results
from ml.evaluation.judging import evaluate as judge_models
from ml.evaluation.protocol import Kind, Mode, Rankable
from ml.evaluation.replay import ReplayedRecommender, ReplayedRetriever
from ml.evaluation.shares import by_moment, share_rows, together
from ml.features.store import Snapshot
from ml.logs import get_logger
from ml.retrieval.contract import Ranking, State
from ml.settings import changed_settings, settings
from ml.steps.evaluating import RECOMMENDER, eligible
from ml.steps.features import build_features, plan, publish_features
from ml.steps.generating import generate
from ml.steps.landing import land
from ml.steps.training import Training, last_training, ranker_of, rankings_of, train, trained_retrievers
from ml.steps.workbench import evaluation_inputs, workbench_of

CEILING = "ceiling"
METRIC = "map@7"
RESAMPLING_SEED = 7
log = get_logger(__name__)


def bench_ceiling(domain: str, *, seeds: Sequence[int], customers: int) -> dict[str, Any]:
    """Turn the wheel on generated data, once a seed, and hold every model against the data's own ceiling.

    Each seed has a home of its own, `SLATE_HOME/bench/ceiling/<domain>/<customers>-<seed>`, in which what was made
    before is found again.

    Args:
        domain: A declared domain that has a generator.
        seeds: Of the generated data; none of them used in development, for a figure that may be shown.
        customers: How many are generated.

    Returns:
        `rows`, one a model for each seed, for all seeds together (`seed` null) and for these by the day on which the
        month that was predicted begins (`month`, null: all months): `model`, `kind`, `cases`, `map@7` over the users
        who took something, and `share`, its ratio to the ceiling's on the same cases. Users who took nothing count 0
        for every model: over everybody all figures are smaller by the same factor, and the shares are the same.
        Intervals of 95 % resample users.

    Raises:
        BadInput: The domain has no generator, or no seed was given.
    """
    if not seeds:
        raise BadInput("give at least one seed, such as --seeds 41")
    found: dict[int, Results] = {}
    kinds: Mapping[str, Kind] = {}
    for seed in seeds:
        home = settings().home / "bench" / CEILING / domain / f"{customers}-{seed}"
        with changed_settings(home=home):
            evaluation = _turned(domain, seed, customers)
        found[seed], kinds = evaluation.segments["all"], evaluation.kinds
    return {"domain": domain, "customers": customers, "rows": _rows(found, kinds)}


@dataclass(frozen=True)
class Ceiling:
    """The best rankings that can be had from what is observed, as the generator wrote them."""

    users: Indices  # (N,) sorted by user, then moment
    moments: Ints  # (N,) microseconds since 1970 UTC: the end of the last day that was observed
    items: Indices  # (N, 7) best first
    name: str = CEILING
    kind: Kind = "baseline"

    @classmethod
    def read(cls, path: Path, dataset: Dataset) -> "Ceiling":
        """The rankings of the users that a data set knows."""
        table = pd.read_parquet(path)
        user = dataset.users.encode(table["customer"].astype(str))
        known = np.flatnonzero(user >= 0)
        moment = np.array([_end_of(day) for day in table["month"]], np.int64)
        order = known[np.lexsort((moment[known], user[known]))]
        item = np.stack([dataset.items.encode(list(ranked)) for ranked in table["products"].to_numpy()[order]])
        return cls(user[order], moment[order], item)

    def refresh(self, state: State) -> "Ceiling":  # noqa: ARG002 - a Rankable's signature
        """Itself: it knows what was observed at each moment."""
        return self

    def rank(
        self,
        requests: Requests,
        snapshot: Snapshot,  # noqa: ARG002 - a Rankable's signature
        k: int,
        modes: Sequence[Mode],
    ) -> dict[Mode, Ranking]:
        """The rankings of these users and moments, the same in every mode; nothing for others."""
        asked = pd.MultiIndex.from_arrays([requests.user, requests.moment])
        row = pd.MultiIndex.from_arrays([self.users, self.moments]).get_indexer(asked)
        item = np.where((row >= 0)[:, None], self.items[np.maximum(row, 0)], np.int32(-1))[:, :k]
        score = np.where(item >= 0, -np.arange(item.shape[1], dtype=np.float32), np.float32(-np.inf))
        return dict.fromkeys(modes, Ranking(item, score))


def _end_of(day: Any) -> int:
    return to_micros(datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1))


def _turned(domain: str, seed: int, customers: int) -> Evaluation:
    """Generate, land, build features, train, and judge every model beside the ceiling."""
    log.info("ceiling: %s, seed %d, %d customers", domain, seed, customers)
    folder = Path(generate(domain, customers, seed)["folder"])
    land(domain)
    planned = plan(domain)
    build_features(planned, document=False)
    publish_features(planned)
    train(domain, "all", {})
    training = last_training(domain)
    inputs = {
        "evaluation": evaluation_inputs(training),
        "code": code_digest("evaluation", "steps/ceiling_benchmark.py"),
    }
    made = build("ceiling", inputs, lambda made: _judge(training, folder, made))
    return Evaluation.load(made / "cases")


def _judge(training: Training, generated: Path, folder: Path) -> dict[str, Any]:
    bench = workbench_of(training)
    rankings = {name: rankings_of(training, name) for name in trained_retrievers(training)}
    models: list[Rankable] = [
        Ceiling.read(generated / CEILING / "rankings.parquet", bench.dataset),
        *(
            ReplayedRetriever(name, "baseline" if name in training["baselines"] else "retriever", found)
            for name, found in rankings.items()
        ),
        ReplayedRecommender(
            RECOMMENDER, "recommender", ranker_of(training), {name: rankings[name] for name in training["models"]}
        ),
    ]
    models.append(eligible(models[-1], bench.dataset))
    known = [batch for batch in bench.batches["test"] if any(segment.name == "all" for segment in batch.segments)]
    judge_models(models, known, bench.dataset, bench.features, held_out=bench.held_out).save(folder / "cases")
    return {"models": [model.name for model in models]}


def _rows(found: Mapping[int, Results], kinds: Mapping[str, Kind]) -> list[dict[str, Any]]:
    """Each seed, all of them, and all of them month by month: a rolling split of time."""
    every = together(list(found.values()), list(kinds))
    parts: list[tuple[int | None, str | None, Results]] = [
        *((seed, None, results) for seed, results in found.items()),
        (None, None, every),
        *((None, _day(moment), results) for moment, results in by_moment(every)),
    ]
    return [
        {"seed": seed, "month": month, **row}
        for seed, month, results in parts
        for row in share_rows(results, kinds, CEILING, METRIC, seed=RESAMPLING_SEED)
    ]


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1e6, UTC).date().isoformat()
