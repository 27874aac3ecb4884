"""A turn of the wheel on the planted shop, or one step of it, in a process of its own.

`python turn.py TASK [WHERE]` works in SLATE_HOME; what came of a whole `turn` is written to `outcome.json` there. With WHERE, such as
`ml.bundle.seal:_index`, the process prints `here` as soon as that function has done its work, and goes no further.
"""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import reduce
from importlib import import_module
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path += [str(Path(__file__).parent.parent / room) for room in ("bundle", "features")]

import shop
import small_shop

from ml import steps
from ml.artifacts import file_digest, manifest, read_json, write_json
from ml.data.schema import absent_columns
from ml.domains import DOMAINS, Domain, Source
from ml.settings import settings
from ml.tracking import registry

AS_OF = "2018-01-01"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
PARAMETERS = {"models": ("two_tower", "item_to_item", "popularity"), "epochs": 1, "embedding_size": 8}
USER = "u003"


def small_domain() -> Domain:
    """The domain with one baseline: each costs a training and a ranking of every case."""
    return DOMAINS["retail"].model_copy(update={"baselines": ("popularity",)})


def crown() -> None:
    """Make a champion from older features, which no dbt has made."""
    folder = settings().home / "artifacts" / "features" / "older"
    shop.make_features(folder, shop.AS_OF - 14 * small_shop.DAY)
    write_json(settings().domain_path("current", "retail") / "features.json", {"path": str(folder)})
    steps.train("retail", "all", {"models": ["popularity"]})
    publish()
    promote()


def land() -> None:
    """Land what the shop sells, and its catalogue."""
    sold = shop.purchases(shop.AS_OF, shop.USERS, shop.ITEMS).drop(columns="session_position")
    items = shop.catalogue(shop.ITEMS)
    absent = absent_columns({"interactions": sold.columns, "items": items.columns})
    source = Source(name="planted", absent=absent, protocol=shop.PROTOCOL)
    small_shop.land("all", source, interactions=sold.to_dict("records"), items=items.to_dict("records"))


def build() -> None:
    """Build the marts."""
    steps.build_features(steps.plan("retail", AS_OF), document=False)


def features() -> None:
    """Publish the marts, which are built."""
    steps.publish_features(steps.plan("retail", AS_OF))


def start() -> None:
    """Start the training that the further steps take up."""
    steps.start_training("retail", PARAMETERS)


def retrievers() -> None:
    """Fit every retriever, the two-tower model first."""
    training = steps.last_training("retail")
    for name in steps.trained_retrievers(training):
        steps.train_retriever(training, name)


def ranker() -> None:
    """Grow the ranker."""
    steps.train_ranker(steps.last_training("retail"))


def evaluate() -> None:
    """Judge all models."""
    steps.evaluate(steps.last_training("retail"))


def publish() -> None:
    """Seal and register the challenger."""
    steps.publish(steps.last_training("retail"))


def promote() -> None:
    """Make the challenger the champion, as the gate does when it agrees."""
    challenger, champion = (registry.version_at("retail", alias) for alias in ("challenger", "champion"))
    assert challenger
    decision = {"challenger": challenger.number, "champion": champion and champion.number}
    steps.promote("retail", decision | {"promote": True, "path": "fresh data", "reasons": ["fine"]}, at=NOW)


TURN: tuple[Callable[[], None], ...] = (
    crown, land, build, features, start, retrievers, ranker, evaluate, publish, promote,
)  # fmt: skip


def outcome() -> dict[str, Any]:
    """All that a turn has made, to the byte, and the metrics in figures that people can compare."""
    room = settings().home / "artifacts"
    files = {str(path.relative_to(room)): file_digest(path) for path in sorted(room.rglob("*")) if path.is_file()}
    described = [manifest(path.parent) for path in sorted(room.rglob("manifest.json"))]
    return {
        "metrics": {each["kind"]: each["metrics"] for each in described if "metrics" in each},
        "seals": sorted(each["seal"] for each in described if "seal" in each),
        "leaderboard": read_json(settings().domain_path("current", "retail") / "leaderboard.json"),
        "files": files,
    }


def stop_after(where: str) -> None:
    """Let the process stand still once this function has done its work."""
    module, _, path = where.partition(":")
    *owners, name = path.split(".")
    owner: Any = reduce(getattr, owners, import_module(module))
    function = getattr(owner, name)

    def stopping(*arguments: Any, **options: Any) -> None:
        function(*arguments, **options)
        print("here", flush=True)  # noqa: T201 - the test waits for it
        time.sleep(600)

    setattr(owner, name, stopping)


def main(task: str, where: str | None = None) -> None:
    DOMAINS["retail"] = small_domain()
    if where:
        stop_after(where)
    for step in TURN:
        if task in ("turn", step.__name__):
            step()
    if task == "turn":
        write_json(settings().home / "outcome.json", outcome())  # more than a pipe holds


if __name__ == "__main__":
    main(*sys.argv[1:])
