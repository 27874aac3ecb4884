"""Ranking: the retrievers' candidates merged, described by features, and ordered by a learned ranker."""

from pathlib import Path

from ml.artifacts import read_json
from ml.classes import class_named
from ml.ranking.contract import DESCRIPTION, LabelledFrame, Ranker

# Name → where its class is: importing one ranker must not import the libraries of the other.
RANKERS: dict[str, str] = {"lambdamart": "ml.ranking.lambdamart:LambdaMart", "dcn": "ml.ranking.dcn:Dcn"}

__all__ = ["RANKERS", "LabelledFrame", "Ranker", "get_ranker", "load_ranker"]


def get_ranker(name: str) -> type[Ranker]:
    """The class of the ranker of this name; raises `BadInput` for any other."""
    found: type[Ranker] = class_named(name, RANKERS, "ranker")
    return found


def load_ranker(folder: Path) -> Ranker:
    """Read a saved ranker, whichever it is; bundles from when there was one only do not name it."""
    return get_ranker(read_json(folder / DESCRIPTION).get("ranker", "lambdamart")).load(folder)
