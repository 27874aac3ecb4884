"""Fitting session models at a known cost, once: those that take long are kept as artifacts."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ml.artifacts import MANIFEST, build, code_digest, digest, read_json
from ml.sessions.configuration import MODELS, ModelChoice
from ml.sessions.contract import SessionModel
from ml.sessions.sessions import Sessions
from ml.settings import settings
from ml.steps.cost import Cost, measured

COST = "cost"


def fitted(choice: ModelChoice, sessions: Sessions, seed: int) -> tuple[SessionModel, Cost]:
    """A model fitted on these sessions, and what that took.

    A model that can be saved is kept by all that it depends on; found again, it brings the cost of its fitting. Killed
    midway, it goes on from its last epoch.
    """
    model, threads = MODELS[choice.model], settings().threads
    stored: Any = model
    if not hasattr(model, "load"):
        with measured() as cost:
            return model.fit(sessions, choice.typed(), seed=seed, threads=threads), cost

    def make(folder: Path) -> dict[str, Any]:
        with measured() as taken:
            made = stored.fit(sessions, choice.typed(), seed=seed, threads=threads, checkpoint=checkpoint)
        made.save(folder)
        checkpoint.unlink(missing_ok=True)
        before_a_kill = Cost(made.earlier.wall, made.earlier.processor)
        return {COST: asdict(taken.plus(before_a_kill))}

    inputs = {
        "model": choice.model, "parameters": choice.typed().model_dump(mode="json"), "seed": seed,
        "sessions": sessions.digest(), "code": code_digest(f"sessions/{choice.model}"),
    }  # fmt: skip
    checkpoint = settings().home / "checkpoints" / f"{digest(inputs)}.safetensors"
    path = build("session_model", inputs, make)
    return stored.load(path), Cost(**read_json(path / MANIFEST)[COST])
