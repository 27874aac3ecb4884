"""A process that opens both domains and prints the kernels that are compiled only once somebody asks, in SLATE_HOME."""

import asyncio
import json
import sys
from pathlib import Path
from types import ModuleType

if __name__ == "__main__":
    sys.path += [str(Path(__file__).parents[2] / "bundle")]

from answering import NAMES, requests
from little_home import USERS
from numba.core.registry import CPUDispatcher

from ml.serving.contract import SlateRequest
from ml.serving.engine.engine import PATIENT
from ml.serving.events import LiveEvent
from ml.serving.service import Service
from ml.steps.serving import open_services

Compiled = set[tuple[str, str]]  # kernel and the types of its arguments


def compiled() -> Compiled:
    """What is by now."""
    return {told for name, module in list(sys.modules.items()) if name.startswith("ml.") for told in _kernels(module)}


def _kernels(module: ModuleType) -> Compiled:
    kernels = [each for each in vars(module).values() if isinstance(each, CPUDispatcher)]
    return {(f"{each.__module__}.{each.__name__}", str(types)) for each in kernels for types in each.overloads}


def ask(service: Service) -> None:
    """Whatever is asked: in batches of many and of one, before and after something happened."""
    domain = service.domain
    for told in range(2):
        asked = list(requests(domain))
        for request in asked[::3]:
            service.engine.recommend(request)
        for _ in range(2):
            service.engine.recommend_many(asked)
            service.engine.cheap(asked)
        service.engine.prepare(USERS)
        asyncio.run(service.accept(happening(service, told)))
        service.engine.release.item_features.refresh(service.live, service.now())


def happening(service: Service, told: int) -> list[LiveEvent]:
    """An event of each type for some known users, somebody new, and sessions of nobody."""
    names, kinds = NAMES[service.domain], sorted(service.engine.release.domain.event_weights)
    return [
        LiveEvent(f"{told} {user} {kind}", f"s-{user}", names[(at + told) % len(names)], kind, service.now() - 1_000, user)
        for user in (*USERS[:6], "a stranger", None)
        for at, kind in enumerate(kinds)
    ]  # fmt: skip


if __name__ == "__main__":
    late = {}
    with open_services(list(NAMES), clock="data", budget=PATIENT) as services:
        for domain, service in services.items():
            before = compiled()
            ask(service)
            slate = service.recommend(SlateRequest(next(iter(service.engine.release.plans))))
            late[domain] = {"kernels": len(before), "late": sorted(compiled() - before), "degraded": slate.degraded}
    sys.stdout.write(json.dumps(late))
