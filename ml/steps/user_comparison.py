"""What a user's earlier sessions add to the recurrent retriever: it without users beside it with them, on one shop."""

from typing import Any

from ml.steps.parameters import parse_parameters
from ml.steps.retriever_comparison import compare_parameters
from ml.steps.training import describe_training

MODEL = "hrnn"
USERS = ("none", "init", "all")  # what earlier sessions do; the first is what the others are compared with
SEGMENTS = ("all", "discoveries", "repeats", "basket_completion")
METRIC = "ndcg@10"


def bench_users(domain: str, *, seed: int = 7) -> dict[str, Any]:
    """Fit the recurrent retriever without users and with them, and measure each on the validation window.

    Args:
        domain: Whose current features are learned from.
        seed: Of everything drawn at random, the same for each.

    Returns:
        `rows`, one a value of `user` and segment: `user`, `segment`, `cases`, `ndcg@10`, `less_none` (the paired
        difference to the model without users) and `train_cpu_seconds`.
    """
    training = describe_training(domain, parse_parameters({"models": [MODEL], "seed": seed}))
    variants = {user: {"user": user} for user in USERS}
    rows = [
        {
            "user": row.variant, "segment": row.segment, "cases": row.cases,
            METRIC: row.metrics[METRIC].as_dict(), "less_none": row.less_first[METRIC].as_dict(),
            "train_cpu_seconds": row.train_cpu_seconds,
        }
        for row in compare_parameters(training, MODEL, variants, SEGMENTS, (METRIC,))
    ]  # fmt: skip
    return {"rows": rows}
