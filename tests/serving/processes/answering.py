"""A process that opens the champions and prints what their engines answer: `python answering.py`, in SLATE_HOME.

Every placement of both domains is asked for known users, strangers, sessions and nobody, with what happened since.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":
    sys.path += [str(Path(__file__).parents[2] / "bundle")]

from little_home import ITEMS, USERS
from shop import AS_OF

from ml.bundle.bundle import open_bundle
from ml.data.windows import to_micros
from ml.domains import DOMAINS
from ml.domains.banking_rules import PRODUCTS
from ml.serving.contract import SessionEvent, SlateRequest
from ml.serving.engine.engine import PATIENT, SlateEngine
from ml.serving.engine.profiles import Profiles
from ml.serving.engine.release import Release
from ml.serving.online.opening import open_live
from ml.tracking import registry

NOW = to_micros(AS_OF) + 60_000_000
NAMES = {"retail": ITEMS, "banking": list(PRODUCTS)}
TOLD = ("item_id", "position", "score", "propensity", "sources", "reasons", "explored")


def requests(domain: str) -> Iterator[SlateRequest]:
    """Every placement for all kinds of people."""
    names = NAMES[domain]
    for name, placement in DOMAINS[domain].placements.items():
        anchor = names[3] if placement.anchored else None
        session = [SessionEvent(item, "view", NOW - 1_000_000) for item in names[5:8]]
        for user in (*USERS[:12], "a stranger", "日本語", None):
            yield SlateRequest(name, user_id=user, anchor=anchor)
            yield SlateRequest(name, k=7, user_id=user, anchor=anchor, session=session, exclude=names[::3])
        yield SlateRequest(name, session_id="somebody's", anchor=anchor, session=session)


def answers(domain: str) -> Iterator[dict]:
    """What is told of each slate, but for its name and how long it took."""
    bundle = open_bundle(registry.bundle_of(domain, registry.version_of(domain, 1)))
    release = Release.of(DOMAINS[domain], 1, bundle)
    with open_live(domain, reader=True) as view:
        engine = SlateEngine(release, Profiles(release, view), lambda: NOW, PATIENT)
        for slate in engine.recommend_many(list(requests(domain))):
            items = [{name: getattr(item, name) for name in TOLD} for item in slate.items]
            told = {name: getattr(slate, name) for name in ("user_id", "placement", "shortfall", "removed", "rules")}
            yield {**told, "domain": domain, "degraded": slate.degraded, "items": items}


if __name__ == "__main__":
    sys.stdout.write(json.dumps([answer for domain in NAMES for answer in answers(domain)]))
