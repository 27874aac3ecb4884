"""Ranking: the retrievers' candidates merged, described by features, and ordered by a learned ranker."""

from importlib import import_module
from pathlib import Path

from ml.artifacts import read_json
from ml.errors import BadInput
from ml.ranking.contract import DESCRIPTION, LabelledFrame, Ranker

# Name → where its class is: importing one ranker must not import the libraries of the other.
RANKERS: dict[str, str] = {"lambdamart": "ml.ranking.lambdamart:LambdaMart", "dcn": "ml.ranking.dcn:Dcn"}

__all__ = ["RANKERS", "LabelledFrame", "Ranker", "get_ranker", "load_ranker"]


def get_ranker(name: str) -> type[Ranker]:
    """The class of the ranker of this name; raises `BadInput` for any other."""
    if name not in RANKERS:
        raise BadInput(f"there is no ranker {name!r}; there are: {', '.join(RANKERS)}")
    module, _, attribute = RANKERS[name].partition(":")
    found: type[Ranker] = getattr(import_module(module), attribute)
    return found


def load_ranker(folder: Path) -> Ranker:
    """Read a saved ranker, whichever it is; bundles from when there was one only do not name it."""
    return get_ranker(read_json(folder / DESCRIPTION).get("ranker", "lambdamart")).load(folder)
