"""What the training steps share: the data set of one training, its cases, and where each part's result stands."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ml.artifacts import code_digest, manifest
from ml.data.arrays import Bools
from ml.data.dataset import Dataset, load_dataset
from ml.data.visibility import EVERYTHING, Visibility
from ml.data.windows import to_micros
from ml.domains.domain import Inputs, Outputs
from ml.evaluation.arrays import Doubles
from ml.evaluation.metrics import ACCURACY_NAMES, accuracy
from ml.evaluation.replay import Key, fingerprint
from ml.evaluation.segments import Batch, batches_in, held_out_users, without_users
from ml.features.store import FeatureStore
from ml.retrieval.contract import Ranking, TrainingData
from ml.settings import changed_settings, settings
from ml.threads import at_most

HELD_OUT_SHARE = 0.1  # users that no model learns from: the new users of the evaluation
PRACTISED_SHARE = 0.25  # known users that the ranker is also asked about as if they were new
VALIDATED = ("all", "discoveries")  # the segments whose validation metrics are logged


@dataclass(frozen=True)
class Workbench:
    """One `features` artifact, opened for one seed, and for models of certain inputs."""

    dataset: Dataset  # all that is known: cases and rules are of it
    features: FeatureStore  # those that models may see
    held_out: Bools  # (users,)
    seed: int
    visible: Visibility = EVERYTHING

    @cached_property
    def known(self) -> Dataset:
        """The data set as models may see it, without the users that none may learn from."""
        return without_users(self.dataset, self.held_out).limited(self.visible)

    @property
    def training_data(self) -> TrainingData:
        """What retrievers learn from: all before t1, and up to t3 for stopping."""
        windows = self.dataset.windows
        t1, t3 = to_micros(windows.t1), to_micros(windows.t3)
        return TrainingData(self.known.before(t1), t1, self.known.before(t3), self.seed, settings().threads)

    @cached_property
    def batches(self) -> dict[str, list[Batch]]:
        """The batches of the windows `ranker`, `validation` and `test`."""
        windows = self.dataset.windows
        practised = held_out_users(self.dataset, PRACTISED_SHARE, seed=self.seed + 1) & ~self.held_out
        spans = {
            "ranker": (windows.t1, windows.t2, practised), "validation": (windows.t2, windows.t3, practised),
            "test": (windows.t3, windows.as_of, self.held_out),
        }  # fmt: skip
        return {
            name: batches_in(self.dataset, start, stop, seed=self.seed, held_out=self.held_out, as_new=as_new)
            for name, (start, stop, as_new) in spans.items()
        }

    def validation_metrics(self, rankings: Mapping[Key, Ranking]) -> dict[str, float]:
        """Mean nDCG@10 and recall@100 on the validation window, for all that was taken and for discoveries."""
        means = {name: found.mean(axis=0) for name, found in self.validation_cases(rankings, VALIDATED).items()}
        return {
            f"validation_{segment}_{metric}": float(mean[ACCURACY_NAMES.index(metric)])
            for segment, mean in means.items()
            for metric in ("ndcg@10", "recall@100")
        }

    def validation_cases(self, rankings: Mapping[Key, Ranking], segments: Sequence[str]) -> dict[str, Doubles]:
        """(C, M) the accuracy of each case of these segments on the validation window; none without a case."""
        found: dict[str, list[Doubles]] = {}
        for batch in self.batches["validation"]:
            for segment in batch.segments:
                rows = np.flatnonzero(segment.labels.lengths)
                if segment.name in segments and len(rows):
                    ranking = rankings[fingerprint(batch.requests), segment.mode]
                    measured = accuracy(Ranking(ranking.item[rows], ranking.score[rows]), segment.labels.take(rows))
                    found.setdefault(segment.name, []).append(measured)
        return {name: np.concatenate(parts) for name, parts in found.items()}


def workbench_of(training: Mapping[str, Any]) -> Workbench:
    """The workbench of a training."""
    return open_workbench(training["features"], training["seed"], training["inputs"], training["outputs"])


@lru_cache(maxsize=1)
def open_workbench(features: str, seed: int, inputs: Inputs = "both", outputs: Outputs | None = None) -> Workbench:
    """The workbench of a published `features` artifact; kept open within a process.

    Args:
        features: The artifact's folder.
        seed: Of who is held out, and of all that is drawn.
        inputs: What models see.
        outputs: What slates are for; None: what the domain declares.

    Raises:
        BadInput: The domain does not part its inputs so.
    """
    dataset = load_dataset(Path(features))
    dataset = dataset if outputs is None else dataset.asked_for(outputs)
    visible = Visibility.of(dataset.domain, inputs)
    held_out = held_out_users(dataset, HELD_OUT_SHARE, seed=seed)
    return Workbench(dataset, FeatureStore.of(dataset).limited(visible), held_out, seed, visible)


@contextmanager
def side_by_side() -> Iterator[None]:
    """The threads of one retriever: where several are trained at once, more than a core for each slows all of them."""
    threads = settings().training_threads
    with changed_settings(threads=threads), at_most(threads):
        yield


def retriever_inputs(training: dict[str, Any], name: str) -> dict[str, Any]:
    """All that a fitted retriever and its rankings depend on."""
    return {
        "retriever": name, "features": manifest(Path(training["features"]))["key"], "seed": training["seed"],
        "inputs": training["inputs"], "outputs": training["outputs"],
        "parameters": training["retriever_parameters"][name],
        "code": code_digest(
            "data", "domains", "features", "retrieval", "sessions/hrnn", "sessions/hrnn_retriever", "evaluation",
            "neural.py", "steps/workbench.py",
        ),
    }  # fmt: skip


def ranker_inputs(training: dict[str, Any]) -> dict[str, Any]:
    """All that the ranker depends on: its retrievers, and how it is grown."""
    return {
        "retrievers": [retriever_inputs(training, name) for name in training["models"]],
        "quotas": training["quotas"], "maximum": training["maximum_candidates"],
        "parameters": training["ranker_parameters"], "code": code_digest("ranking", "neural.py", "steps/ranker_rows.py"),
    }  # fmt: skip


def evaluation_inputs(training: dict[str, Any]) -> dict[str, Any]:
    """All that the leaderboard depends on."""
    return {
        "ranker": ranker_inputs(training),
        "baselines": [retriever_inputs(training, name) for name in training["baselines"]],
        "code": code_digest("evaluation", "steps/evaluating.py"),
    }  # fmt: skip
