"""One classifier an item: how likely the user is to take it within the next cadence."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from ml.artifacts import read_json, write_json
from ml.data.arrays import Floats
from ml.data.dataset import Dataset
from ml.data.requests import Requests
from ml.domains.frozen import Frozen
from ml.retrieval.classifiers.inputs import Inputs, read
from ml.retrieval.classifiers.parameters import ClassifiersParameters
from ml.retrieval.classifiers.rows import TrainingRows, learnable, training_rows
from ml.retrieval.classifiers.schema import Schema
from ml.retrieval.classifiers.takes import Takes
from ml.retrieval.classifiers.trees import grow, log_odds
from ml.retrieval.contract import State, TrainingData

if TYPE_CHECKING:
    import xgboost

PARAMETERS, POOLED = "parameters.json", "pooled.ubj"


@dataclass(frozen=True)
class Classifiers:
    """Score: P(the user takes the item in the next cadence).

    A pooled model first says for any item what its facts, its popularity and what happened with it lately mean. On top
    of its log odds each item grows trees of its own, which read all that is known of the user. An item that was
    hardly taken yet, such as a new one, has the pooled model alone.

    The facts that an item's trees read are those that models may read of items of its category: the pooled model,
    which scores all items, reads no facts of users at all.
    """

    name: ClassVar[str] = "classifiers"
    Parameters: ClassVar[type[Frozen]] = ClassifiersParameters

    parameters: ClassifiersParameters
    schema: Schema
    takes: Takes
    pooled: "xgboost.Booster | None"  # None: nothing was taken in training
    single: "dict[int, xgboost.Booster]"  # item number → its trees

    @classmethod
    def fit(cls, data: TrainingData, parameters: ClassifiersParameters) -> Self:
        """Learn from every cadence before t1.

        Raises:
            BadInput: The catalogue is too large for a model an item.
        """
        rows = training_rows(data.dataset, data.as_of, parameters.quiet_share, data.seed)
        return cls.learned(rows, data.dataset, parameters, seed=data.seed, threads=data.threads)

    @classmethod
    def learned(
        cls, rows: TrainingRows, dataset: Dataset, parameters: ClassifiersParameters, *, seed: int, threads: int
    ) -> Self:
        """Learn from these rows, whatever is taken to mean; `quiet_share` of the rows without a take are among them.

        Raises:
            BadInput: The catalogue is too large for a model an item.
        """
        schema = Schema.of(dataset, parameters)
        takes = Takes.of(dataset.log)
        model = cls(parameters, schema, takes, None, {})
        if not rows.taken.any():
            return model
        return model._grown(rows, read(rows.requests, schema, takes), seed, threads)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Those of all items together."""
        return self.schema.inputs()

    def inputs_of(self, item: int) -> tuple[str, ...]:
        """Those of one item: a guarded one is scored without protected facts."""
        return self.schema.inputs(item)

    def refresh(self, state: State) -> Self:
        """The same trees; takes are counted as of the state's instant."""
        return replace(self, takes=Takes.of(state.dataset.log))

    def score(self, requests: Requests) -> Floats:
        """(R, items) probabilities; `-inf` where nothing was taken in training."""
        if self.pooled is None or not len(requests):
            return np.full((len(requests), len(self.schema.items)), -np.inf, np.float32)
        inputs = read(requests, self.schema, self.takes)
        odds = log_odds(self.pooled, inputs.pairs()).reshape(inputs.own.shape[:2])
        for item, trees in self.single.items():
            values = inputs.of_item(slice(None), item, self.schema.readable(item, inputs.names))
            odds[:, item] = log_odds(trees, values, np.ascontiguousarray(odds[:, item]))
        # Quiet rows were drawn at `quiet_share`: in the training rows the odds are higher by that factor.
        odds += np.float32(np.log(self.parameters.quiet_share))
        found: Floats = (1 / (1 + np.exp(-odds))).astype(np.float32)
        return found

    def _grown(self, rows: TrainingRows, inputs: Inputs, seed: int, threads: int) -> Self:
        grown = partial(grow, parameters=self.parameters, seed=seed, threads=threads)
        allowed, pairs = rows.open.ravel(), inputs.pairs()
        pooled = grown(pairs[allowed], rows.taken.ravel()[allowed], self.parameters.pooled)
        start = log_odds(pooled, pairs).reshape(rows.taken.shape)
        single = {}
        for item in np.flatnonzero(learnable(rows, self.parameters.minimum_takes)).tolist():
            some = rows.open[:, item]
            values = inputs.of_item(some, item, self.schema.readable(item, inputs.names))
            single[item] = grown(values, rows.taken[some, item], self.parameters.single, start=start[some, item])
        return replace(self, pooled=pooled, single=single)

    def save(self, folder: Path) -> None:
        """Write the trees in XGBoost's own binary JSON, counts as .npy, and the rest as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / PARAMETERS, self.parameters.model_dump(mode="json"))
        self.schema.save(folder)
        self.takes.save(folder)
        if self.pooled is not None:
            self.pooled.save_model(folder / POOLED)
        for item, trees in self.single.items():
            trees.save_model(folder / f"{item}.ubj")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        import xgboost

        parameters = ClassifiersParameters.model_validate(read_json(folder / PARAMETERS))
        found = {path.stem: xgboost.Booster(model_file=path) for path in folder.glob("*.ubj")}
        pooled = found.pop(Path(POOLED).stem, None)
        single = {int(item): found[item] for item in sorted(found, key=int)}
        return cls(parameters, Schema.load(folder), Takes.load(folder), pooled, single)
