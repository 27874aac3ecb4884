"""`slate demo`: one turn of the wheel through Airflow, measured, and what came of it."""

import time
from typing import Any

import psutil

from ml.domains import get_domain
from ml.memory import MemorySampler
from ml.wheel.airflow import airflow_home, start_airflow
from ml.wheel.driver import sole_driver
from ml.wheel.follow import Follower
from ml.wheel.measure import record_turn
from ml.wheel.places import places
from ml.wheel.processes import members

SHOWN_ITEMS = 5
GENERATOR_SEED = 7


def demo(domain: str, conf: dict[str, Any] | None = None) -> dict[str, Any]:
    """Run features, train, promote and monitor of a domain as DAG runs of a real Airflow.

    Args:
        domain: Name of the domain.
        conf: Parameters of the features DAG.

    Returns:
        `turn` (times and memory of every task), `status`, `leaderboard`, `examples` (slates of the domain's example
        users, with the rules that fired), `packages` (theirs, where users keep what they take) and `places` (where to look further): what `ml.wheel.summary.render` shows.

    Raises:
        BadInput: There is no such domain, or another driver is at work.
        RunFailed: Airflow did not start, or a task failed.
    """
    user_noun = get_domain(domain).user_noun
    supply(domain)
    turn = turn_wheel(domain, conf or {})
    return {"turn": turn, "user_noun": user_noun, **outcome(domain)}


def supply(domain: str) -> None:
    """Generate raw files for a domain that has a generator, where nothing has landed or lies ready to land."""
    from ml import steps
    from ml.data.landing import partitions
    from ml.steps.generating import raw_folder

    declared = get_domain(domain)
    if declared.generator and not raw_folder(domain).exists() and not partitions(domain):
        steps.generate(domain, customers=declared.generated_users, seed=GENERATOR_SEED)


def turn_wheel(domain: str, conf: dict[str, Any]) -> dict[str, Any]:
    """Start Airflow, turn the wheel once, stop Airflow; returns the measurements."""
    started = time.time()
    driver = psutil.Process()
    with sole_driver(airflow_home()) as services:

        def alive() -> list[psutil.Process]:
            return [driver, *members(services.started)]

        with MemorySampler(alive) as sampler:
            api = start_airflow(services, domain, settle=True)
            turn = Follower(api, services).turn(domain, conf)
            return record_turn(domain, turn.tasks, sampler, started)


def outcome(domain: str) -> dict[str, Any]:
    """What stands after a turn, from the published artifacts and the registry."""
    from ml import steps

    status = steps.status(domain)
    declared = get_domain(domain)
    users = declared.example_users if status["champion"] else ()
    kept = users if declared.holdings.begin else ()
    return {
        "status": status,
        "leaderboard": steps.leaderboard(domain),
        "examples": [steps.recommend(domain, user, SHOWN_ITEMS) for user in users],
        "packages": [steps.package(domain, user) for user in kept],
        "places": places(domain),
    }
