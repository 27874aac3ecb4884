"""What slates take of the engine alone, asked in one process and without a server: what serving adds to it is the rest."""

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import msgspec

from ml.bundle.bundle import Bundle
from ml.domains import Domain
from ml.serving.contract import SlateRequest
from ml.serving.engine.clock import DataClock
from ml.serving.engine.engine import PATIENT, SlateEngine
from ml.serving.engine.profiles import Profiles
from ml.serving.engine.release import Release
from ml.serving.engine.warming import warm
from ml.serving.http.slate_request import read_slate_request
from ml.settings import changed_settings
from ml.steps.serving_limit import BATCHES, ROUNDS, USERS
from ml.steps.serving_process import on_cores
from ml.threads import at_most


def measure_engine(
    declared: Domain, version: int, bundle: Bundle, bodies: Sequence[dict[str, Any]], core: int
) -> dict[str, dict[str, float]]:
    """Milliseconds of one whole slate, by size of the batch, of an engine that is prepared for its users.

    Args:
        declared: The bundle's domain.
        version: The champion's.
        bundle: Its bundle.
        bodies: As they are asked over HTTP; each is asked once, so that no session is met again.
        core: The one that it may use.

    Returns:
        By size `all` (milliseconds a slate) and `slates_per_second`, as the limit has them.
    """
    with changed_settings(threads=1), on_cores([core]), at_most(1):
        engine = _engine(declared, version, bundle)
        asked = (read_slate_request(msgspec.json.encode(body), declared, engine.clock()) for body in bodies)
        with _without_pauses():
            return {str(size): _batches(engine, asked, size) for size in BATCHES}


def _engine(declared: Domain, version: int, bundle: Bundle) -> SlateEngine:
    release = Release.of(declared, version, bundle)
    engine = SlateEngine(release, Profiles(release, None), DataClock(bundle.snapshot.as_of), PATIENT)
    warm(engine, release.latest_users(engine.profiles.most))
    return engine


def _batches(engine: SlateEngine, asked: Iterator[SlateRequest], size: int) -> dict[str, float]:
    engine.recommend_many([*islice(asked, size)])  # sets up
    taken, slates = 0.0, 0
    while slates < ROUNDS * USERS and len(batch := [*islice(asked, size)]) == size:
        started = time.perf_counter()
        slates += len(engine.recommend_many(batch))
        taken += time.perf_counter() - started
    return {"all": 1_000 * taken / slates, "slates_per_second": slates / taken}


@contextmanager
def _without_pauses() -> Iterator[None]:
    """Look for garbage as the server does, not among all that was opened."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
