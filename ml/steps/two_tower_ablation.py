"""What each part of the two-tower retriever does: as it is usually trained, beside the same with one part switched."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ml.steps.parameters import parse_parameters
from ml.steps.retriever_comparison import Compared, compare_parameters
from ml.steps.training import describe_training

MODEL = "two_tower"
# On validation new users are practised on known ones, from whom the model has learned: see `Workbench.batches`.
SEGMENTS = ("all", "discoveries", "repeats", "new_users_1")
METRICS = ("recall@100", "ndcg@10")


@dataclass(frozen=True)
class Variant:
    """One part of the model switched."""

    why: str
    changed: Mapping[str, Any] = field(default_factory=dict)  # parameter → its value in place of the usual one
    scaled: Mapping[str, float] = field(default_factory=dict)  # parameter → what the usual value is multiplied by

    def against(self, usual: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters whose values differ from the usual ones, with their values."""
        values = {**self.changed, **{name: usual[name] * factor for name, factor in self.scaled.items()}}
        return {name: value for name, value in values.items() if value != usual[name]}


VARIANTS = {
    "default": Variant("as a training has it; the others are compared with it"),
    "loss contrastive": Variant("no correction of log-q: popular items are negatives too often", {"loss": "contrastive"}),
    "loss triplet": Variant("a hinge on the hardest negatives in place of a softmax", {"loss": "triplet"}),
    "temperature doubled": Variant("a flatter softmax: easy negatives weigh more", scaled={"temperature": 2.0}),
    "temperature halved": Variant("a sharper softmax: hard negatives weigh more", scaled={"temperature": 0.5}),
    "no mixed negatives": Variant("only the batch's own positives compete: few rare items", {"uniform_negatives": 0}),
    "hard negatives": Variant("only the 50 highest-scored negatives of a request count", {"hard_negatives": 50}),
    "no repeats": Variant("only what was new to the user is learned", {"repeat_weight": 0.0}),
    "no id dropout": Variant("no item has to do without its own embedding", {"id_dropout": 0.0}),
    "one pooling head": Variant("a history is pooled under one weighting", {"pooling_heads": 1}),
}  # fmt: skip


def bench_two_tower(domain: str, *, seed: int = 7, epochs: int | None = None) -> dict[str, Any]:
    """Fit the two-tower as usual and with one part switched at a time; measure each on the validation window.

    Args:
        domain: Whose current features are learned from.
        seed: Of everything drawn at random, the same for each.
        epochs: Most passes over the data; default: the usual number.

    Returns:
        `rows`, one a segment and variant: `variant`, `why`, `changed` (parameter → value; a variant that would
        change nothing is left out), `segment`, `cases`, `metrics` (`mean`, `low` and `high` of recall@100 and
        nDCG@10), `less_default` (the paired `difference` of each, `low` and `high`) and `train_cpu_seconds`.

    Raises:
        BadInput: A usual value, scaled, is out of the parameter's range.
    """
    training = describe_training(domain, parse_parameters({"models": [MODEL], "seed": seed, "epochs": epochs}))
    usual = training["retriever_parameters"][MODEL]
    changes = {name: variant.against(usual) for name, variant in VARIANTS.items()}
    first = next(iter(VARIANTS))
    variants = {name: changed for name, changed in changes.items() if changed or name == first}
    rows = compare_parameters(training, MODEL, variants, SEGMENTS, METRICS)
    return {"rows": [_row(row, variants[row.variant]) for row in rows]}


def _row(row: Compared, changed: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "variant": row.variant, "why": VARIANTS[row.variant].why, "changed": dict(changed),
        "segment": row.segment, "cases": row.cases,
        "metrics": {name: value.as_dict() for name, value in row.metrics.items()},
        "less_default": {name: value.as_dict("difference") for name, value in row.less_first.items()},
        "train_cpu_seconds": row.train_cpu_seconds,
    }  # fmt: skip
