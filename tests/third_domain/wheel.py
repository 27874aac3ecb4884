"""One turn of the wheel, by the steps that the four DAG files call, in their order."""

from pathlib import Path
from typing import Any

from ml import steps

MAPPING = Path(__file__).with_name("music.yaml")


def gated_landing(exported: Path | None = None) -> dict[str, Any]:
    """Land (what landed last, where no folder is given) and hold it against the first gate."""
    landed = steps.land("music", mapping=MAPPING, data_folder=exported) if exported else steps.land("music")
    return {"landed": landed, "admitted": steps.validate_landing("music")}


def features() -> dict[str, Any]:
    """From what landed to published features, past the second gate."""
    plan = steps.plan("music")
    built = steps.build_features(plan, document=False)
    admitted = steps.validate_marts(plan)
    return {"plan": plan, "built": built, "admitted": admitted, "published": steps.publish_features(plan)}


def challenger() -> dict[str, Any]:
    """From features to a sealed challenger."""
    training = steps.start_training("music", {})
    for name in steps.trained_retrievers(training):
        steps.train_retriever(training, name)
    ranker = steps.train_ranker(training)
    return {"ranker": ranker, "evaluated": steps.evaluate(training), "published": steps.publish(training)}


def promotion() -> dict[str, Any]:
    """What the gate says of the challenger, and the champion after that."""
    decision = steps.judge("music")
    return {"decision": decision, "promoted": steps.promote("music", decision)}
