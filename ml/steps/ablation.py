"""What each part adds to the recommender: the usual training beside the same with one part more, less or replaced."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.artifacts import build, code_digest, manifest
from ml.domains import get_domain
from ml.evaluation.evaluation import Evaluation
from ml.evaluation.judging import evaluate as judge_models
from ml.evaluation.leaderboard import HEADLINE, split_of
from ml.evaluation.protocol import Rankable
from ml.evaluation.replay import ReplayedFusion, ReplayedRecommender
from ml.evaluation.significance import Interval
from ml.logs import get_logger
from ml.ranking import RANKERS
from ml.steps.ledger import configurations_that_saw
from ml.steps.paired import less_first
from ml.steps.parameters import parse_parameters
from ml.steps.training import Training, describe_training, ranker_artifact, ranker_of, rankings_of
from ml.steps.workbench import HELD_OUT_SHARE, ranker_inputs, workbench_of

SEGMENTS = (
    "all", "discoveries", "repeats", "new_users_0", "new_users_1", "new_users_3", "basket_completion",
)  # fmt: skip
log = get_logger(__name__)


@dataclass(frozen=True)
class Variant:
    """The usual training with one part more, less or replaced."""

    name: str
    part: str | None  # what differs from the usual training; None for itself
    training: Training
    lacks_part: bool = False  # the usual training has it, this one not
    fused: bool = False  # candidates are ordered by reciprocal rank fusion instead of the ranker


def bench_ablation(domain: str, *, seed: int = 7) -> dict[str, Any]:
    """Judge the recommender without each of its retrievers, with each on request, and with another ranker.

    All are judged in one pass over the test window, on the same cases. Retrievers are fitted once and shared, and a
    ranker of each variant's own is trained: what has not changed since an earlier run is reused, the judged cases too.
    Every variant is noted as a configuration that saw the test window; the leaderboard shows the count of its own
    evaluation until it is evaluated again.

    Args:
        domain: Whose current features are learned from, with the usual parameters.
        seed: Of everything drawn at random, the same for each.

    Returns:
        `configurations_that_saw_the_test`, and `rows`, one a segment and variant: `variant`; `part`, null for `full`;
        `segment`; `cases`; `ndcg@10` (`mean`, `low`, `high`); and `added`, null for `full`: the `difference` that
        having the part makes to nDCG@10, paired, with `low` and `high`. It is positive where the part helps: `full`
        less the variant where that is without the part, the variant less `full` where it has a part more or has one
        in place of another. Ends are null where one unit only was judged.
    """
    variants = variants_of(domain, seed)
    inputs = {
        "variants": {each.name: ranker_inputs(each.training) for each in variants},
        "code": code_digest("evaluation", "steps/ablation.py"),
    }
    folder = build("ablation", inputs, lambda made: _judge(variants, made))
    seen = configurations_that_saw(domain, manifest(folder)["test_window"], [each.training for each in variants])
    found = Evaluation.load(folder / "cases")
    rows = [row for segment in SEGMENTS if segment in found.segments for row in _rows(variants, found, segment, seed)]
    return {"configurations_that_saw_the_test": seen, "rows": rows}


def variants_of(domain: str, seed: int) -> list[Variant]:
    """The usual training first, then without each retriever, with each on request, and with each other ordering."""
    declared = get_domain(domain)
    usual = declared.usual_retrievers

    def training(**chosen: Any) -> Training:
        return describe_training(domain, parse_parameters({"seed": seed, **chosen}))

    full = training()
    ranker = next(iter(full["ranker_parameters"]))
    left_out = usual if len(usual) > 1 else ()  # a recommender without any retriever recommends nothing
    return [
        Variant("full", None, full),
        *(
            Variant(f"without {name}", name, training(models=[each for each in usual if each != name]), lacks_part=True)
            for name in left_out
        ),
        *(Variant(f"with {name}", name, training(models=[*usual, name])) for name in declared.on_request),
        *(
            Variant(f"ranker {name}", f"{name} in place of {ranker}", training(ranker=name))
            for name in RANKERS
            if name != ranker
        ),
        Variant("rank fusion", f"rank fusion in place of {ranker}", full, fused=True),
    ]


def _judge(variants: Sequence[Variant], folder: Path) -> dict[str, Any]:
    for variant in variants:  # before rankings are held: training a ranker takes memory of its own
        log.info("ablation: the ranker of %s", variant.name)
        ranker_artifact(variant.training)
    full = variants[0].training
    bench = workbench_of(full)
    models = list(_models(variants))
    found = judge_models(models, bench.batches["test"], bench.dataset, bench.features, held_out=bench.held_out)
    found.save(folder / "cases")
    split = split_of(bench.dataset.windows, seed=full["seed"], held_out_share=HELD_OUT_SHARE)
    return {"test_window": split["windows"]["test"]}


def _models(variants: Sequence[Variant]) -> Iterator[Rankable]:
    """Each variant as a model to judge; a retriever's rankings are held once, whoever uses them."""
    rankings: dict[str, Any] = {}
    for variant in variants:
        names = variant.training["models"]
        rankings |= {name: rankings_of(variant.training, name) for name in names if name not in rankings}
        candidates = {name: rankings[name] for name in names}
        if variant.fused:
            yield ReplayedFusion(variant.name, "ranker", ranker_of(variant.training), candidates)
        else:
            yield ReplayedRecommender(variant.name, "recommender", ranker_of(variant.training), candidates)


def _rows(variants: Sequence[Variant], found: Evaluation, segment: str, seed: int) -> Iterator[dict[str, Any]]:
    results = found.segments[segment]
    measured = less_first([results.metric(each.name, HEADLINE) for each in variants], results.unit, seed=seed)
    for variant, (mean, difference) in zip(variants, measured, strict=True):
        added = _negated(difference) if variant.lacks_part else difference
        yield {
            "variant": variant.name, "part": variant.part, "segment": segment, "cases": len(results),
            HEADLINE: mean.as_dict(), "added": added.as_dict("difference") if variant.part else None,
        }  # fmt: skip


def _negated(interval: Interval) -> Interval:
    """The same difference the other way round; zero stays without a sign."""
    return Interval(0.0 - interval.mean, 0.0 - interval.high, 0.0 - interval.low)
