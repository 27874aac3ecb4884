"""What serving is meant to reach (docs/serving-benchmark.md), beside what it did."""

from collections.abc import Mapping
from typing import Any

from ml.serving.engine.engine import Budget

SLATES, RETRIEVAL_MS, SLATE_MS, EVENT_MS = 500.0, 1.0, 10.0, 100.0
TIMES_MLFLOW, TIMES_LIMIT, CANDIDATES = 20.0, 2.0, 300
BATCH = "32"  # of the limit that a loaded server is held against
Document = Mapping[str, Any]


def aims(found: Document) -> list[dict[str, Any]]:
    """Each aim with `aim` (in words), `measured` (None: it was not) and `met` (None: likewise)."""
    half = next((load for load in found["loads"] if load["share"] == 0.5), None)
    overload = found["overload"]
    return [
        _least("slates a second on one core", _served(found), SLATES),
        _most("retrieval at half load, p99, ms", half and half["stages_ms"].get("retrieve", {}).get("p99"), RETRIEVAL_MS),
        _most("slate at half load, p99 in the server, ms", half and half["stages_ms"].get("total", {}).get("p99"), SLATE_MS),
        _most("the same, from the moment at which it was meant to be asked", half and half["latency_ms"]["p99"], SLATE_MS),
        _most("event to a slate that knows it, p99, ms", _freshness(found["freshness"]), EVENT_MS),
        _least("times `mlflow models serve` at the same p99", _times_held(found), TIMES_MLFLOW),
        _least("times `mlflow models serve` at its best", _times_best(found), TIMES_MLFLOW),
        _most(f"times slower than the limit (batches of {BATCH})", _limit(found) / _served(found), TIMES_LIMIT),
        _most("the same, of the engine alone, in process", _limit(found) / _alone(found), TIMES_LIMIT),
        _least("candidates ranked a request, median", found["limit"]["candidates"]["median"], CANDIDATES),
        _most("slates under overload, p99, ms", overload and overload["latency_ms"]["p99"], Budget().whole),
        _most("answers under overload that are neither slates nor sheds", overload and overload["failed"], 0),
    ]  # fmt: skip


def _freshness(found: Document) -> float | None:
    """The slower of the ways in which it was measured; none where any event was missed."""
    measured = [each for each in found.values() if each is not None]
    if not measured:
        return None
    if any(each["missed"] for each in measured):
        return float("inf")
    return max(float(each["milliseconds"]["p99"]) for each in measured)


def _times_held(found: Document) -> float | None:
    """Against what MLflow's server holds below the limit of latency; where it holds nothing, the least that was tried."""
    told = found["mlflow"]
    return None if told is None else _served(found) / max(told["held"], told["least"])


def _times_best(found: Document) -> float | None:
    """Against the more of that, and of what it does for one who asks again as soon as the answer is there."""
    told = found["mlflow"]
    return None if told is None else _served(found) / max(told["held"], told["one_by_one"])


def _served(found: Document) -> float:
    return float(found["saturation"]["slates_per_second"])


def _limit(found: Document) -> float:
    return float(found["limit"]["batches"][BATCH]["slates_per_second"])


def _alone(found: Document) -> float:
    return float(found["engine"][BATCH]["slates_per_second"])


def _least(name: str, measured: float | None, wanted: float) -> dict[str, Any]:
    return {
        "name": name,
        "aim": f"≥ {wanted:g}",
        "measured": measured,
        "met": None if measured is None else measured >= wanted,
    }


def _most(name: str, measured: float | None, wanted: float) -> dict[str, Any]:
    return {
        "name": name,
        "aim": f"≤ {wanted:g}",
        "measured": measured,
        "met": None if measured is None else measured <= wanted,
    }
