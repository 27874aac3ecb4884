"""What monitoring found, and whether it calls for a retrain."""

from dataclasses import asdict, dataclass
from typing import Any

from ml.domains.domain import Drift as Thresholds


@dataclass(frozen=True)
class Findings:
    """The figures that the verdict rests on; `None` where there was nothing to measure."""

    compared: int  # features
    drifted: tuple[str, ...]  # features, as `mart.feature`
    drifted_predictions: tuple[str, ...]
    tested_ndcg: float | None  # nDCG@10 of the champion in the window it was tested in
    last_ndcg: float | None  # and in the last window

    @property
    def drifted_share(self) -> float | None:
        """Drifted features over compared ones."""
        return len(self.drifted) / self.compared if self.compared else None

    @property
    def quality_ratio(self) -> float | None:
        """nDCG@10 of the last window over the tested one's."""
        return None if self.last_ndcg is None or not self.tested_ndcg else self.last_ndcg / self.tested_ndcg

    def as_dict(self) -> dict[str, Any]:
        """JSON-able; `Findings.of` reads it."""
        return asdict(self)

    @classmethod
    def of(cls, found: dict[str, Any]) -> "Findings":
        """What `as_dict` gave."""
        names = ("drifted", "drifted_predictions")
        return cls(**found | {name: tuple(found[name]) for name in names})


@dataclass(frozen=True)
class Verdict:
    """Whether to retrain, and the reasons that people read."""

    retrain: bool
    reasons: tuple[str, ...]


def judge(found: Findings, thresholds: Thresholds, *, champion: bool, newer: str | None) -> Verdict:
    """A retrain is due where a threshold is passed and there are data that the champion has not seen.

    Args:
        found: What the reports found.
        thresholds: The domain's.
        champion: Whether anything serves yet.
        newer: The last instant of data after the champion's as-of; `None` where there are none.
    """
    share, ratio = found.drifted_share, found.quality_ratio
    drifted = share is not None and share > thresholds.maximum_drifted_share
    worse = ratio is not None and ratio < thresholds.minimum_quality_ratio
    retrain, last = _conclusion(drifted or worse, champion, newer)
    return Verdict(retrain, (_about_drift(found, thresholds, drifted), _about_quality(found, thresholds, worse), last))


def _conclusion(passed: bool, champion: bool, newer: str | None) -> tuple[bool, str]:
    if not champion:
        return False, "there is no champion yet that a retrain could replace"
    if not passed:
        return False, "no threshold is passed: the champion stays as it is"
    if newer is None:
        return False, "no data are newer than the champion's: training again would give the same models"
    return True, f"there are data up to {newer}, newer than the champion's: a retrain is due"


def _about_drift(found: Findings, thresholds: Thresholds, passed: bool) -> str:
    if found.drifted_share is None:
        return "there are too few rows to say whether features have drifted"
    share, limit = found.drifted_share, thresholds.maximum_drifted_share
    counted = f"{len(found.drifted)} of {found.compared} features have drifted ({share:.0%})"
    return f"{counted}, {'above' if passed else 'within'} the limit of {limit:.0%}"


def _about_quality(found: Findings, thresholds: Thresholds, passed: bool) -> str:
    if found.quality_ratio is None:
        return "there are no answers in both windows to compare the quality of"
    limit, verdict = thresholds.minimum_quality_ratio, "below" if passed else "within"
    change = f"nDCG@10 is {found.last_ndcg:.4f} after {found.tested_ndcg:.4f} when tested ({found.quality_ratio:.0%})"
    return f"{change}, {verdict} the limit of {limit:.0%}"
