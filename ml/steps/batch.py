"""The champion's slates for everybody at once, with every decision that led to them."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ml.artifacts import MANIFEST, built_beside, digest, file_digest, write_json
from ml.bundle.bundle import Bundle
from ml.bundle.policy import Answer, Asking
from ml.data.arrays import Strings
from ml.data.impressions import IMPRESSION, NAMES
from ml.domains import get_domain
from ml.domains.domain import Outputs
from ml.logs import get_logger
from ml.reranking.eligibility import decision_log
from ml.serving.online.contract import is_anonymous
from ml.settings import settings
from ml.steps.choices import refuse_unknown_outputs
from ml.steps.recommending import champion
from ml.steps.record import recorded
from ml.tracking.registry import Version

SLATES, DECISIONS = "slates.parquet", "decisions.parquet"
CHUNK = 4_096  # users answered at once: some hundred thousand decisions are held in memory
DECISION = pa.schema(
    [
        ("slate_id", pa.string()), ("user_id", pa.string()), ("item_id", pa.string()), ("rank", pa.int32()),
        ("allowed", pa.bool_()), ("rules", NAMES), ("steps", NAMES), ("facts", pa.string()),
        ("moment", pa.timestamp("us", "UTC")), ("ruleset", pa.string()),
    ]
)  # fmt: skip
log = get_logger(__name__)


@recorded("recommend_all")
def recommend_all(domain: str, outputs: Outputs | None = None) -> dict[str, Any]:
    """Publish the champion's slates for every known user, and one for anybody else (`user_id` null).

    Written to `SLATE_HOME/slates/<domain>/<as_of>-v<version>[-<outputs>]/`, which appears at once, never written twice:
    `slates.parquet` in the columns of impressions: slate_id, user_id, item_id, position (from 1), score, sources,
    propensity (of the item at this place, after all rules), explored, rules (those that took a candidate of the slate,
    as `id@version`), model_version, and, until somebody sees the slate, no shown_at and no clicked; and
    `decisions.parquet`: a row a candidate of each slate with its rank, whether it was allowed, the rules and steps
    that took it away, and the facts (JSON) that its rules read.

    Args:
        domain: Whose champion is asked.
        outputs: Items that users have not (`new`), have (`owned`), or any (`mixed`); None: what it was trained for.

    Raises:
        BadInput: There are no such outputs, or the domain does not know what users have.
    """
    refuse_unknown_outputs(get_domain(domain), outputs)
    version, bundle = champion(domain)
    as_of = datetime.fromisoformat(bundle.manifest["as_of"])
    name = "-".join([f"{as_of:%Y%m%dT%H%M%SZ}", f"v{version.number}", *([outputs] if outputs else [])])
    final = settings().domain_path("slates", domain) / name
    if not (final / MANIFEST).exists():
        _publish(final, bundle, version, get_domain(domain).slate_size, outputs)
    write_json(settings().domain_path("current", domain) / "slates.json", {"path": str(final)})
    log.info("slates of version %d: %s", version.number, final)
    return {"path": str(final / SLATES), "model_version": version.number, "as_of": bundle.manifest["as_of"]}


def _publish(final: Path, bundle: Bundle, version: Version, k: int, outputs: Outputs | None) -> None:
    with built_beside(final) as beside:
        described = {"as_of": bundle.manifest["as_of"], "bundle": version.bundle, "model_version": version.number}
        described["outputs"] = outputs or bundle.knowledge.outputs
        write_json(beside / MANIFEST, {**described, **_write(beside, bundle, version.number, k, outputs)})


def _write(folder: Path, bundle: Bundle, version: int, k: int, outputs: Outputs | None = None) -> dict[str, Any]:
    """Write both files a chunk of users at a time; returns what the manifest says of them."""
    rows = slates = 0
    with (
        pq.ParquetWriter(folder / SLATES, IMPRESSION) as shown,
        pq.ParquetWriter(folder / DECISIONS, DECISION) as decided,
    ):
        for users, answer in _answers(bundle, k, outputs):
            frame = impressions(bundle, version, users, answer)
            shown.write_table(pa.Table.from_pandas(frame, IMPRESSION, preserve_index=False))
            made = decisions(bundle, version, users, answer)
            decided.write_table(pa.Table.from_pandas(made, DECISION, preserve_index=False))
            rows, slates = rows + len(frame), slates + frame["slate_id"].nunique()
    return {"rows": rows, "slates": slates, "files": {name: file_digest(folder / name) for name in (SLATES, DECISIONS)}}


def _answers(bundle: Bundle, k: int, outputs: Outputs | None) -> Iterator[tuple[Strings, Answer]]:
    """The slates of every known user and of an unknown one (None), some users at a time."""
    known = np.flatnonzero([not is_anonymous(str(user)) for user in bundle.users.ids])
    everybody = np.append(known, -1).astype(np.int32)
    for start in range(0, len(everybody), CHUNK):
        user = everybody[start : start + CHUNK]
        names = bundle.users.ids[user]
        names[user < 0] = None
        yield names, bundle.answer(user, k, asking=Asking(outputs=outputs))


def impressions(bundle: Bundle, version: int, users: Strings, answer: Answer) -> pd.DataFrame:
    """A row a recommended item, in the columns of `IMPRESSION`."""
    slates = answer.reranked
    row, place = np.nonzero(slates.item >= 0)
    masks = {int(bits): list(bundle.sources(int(bits))) for bits in np.unique(slates.sources[row, place])}
    rules = [list(answer.rules_of(at)) for at in range(len(users))]
    return pd.DataFrame(
        {
            "slate_id": _slate_ids(bundle, version, users, answer)[row],
            "user_id": users[row],
            "item_id": bundle.items.ids[slates.item[row, place]],
            "position": (place + 1).astype(np.int32),
            "score": np.where(np.isfinite(slates.score), slates.score, np.nan)[row, place],
            "sources": [masks[int(bits)] for bits in slates.sources[row, place]],
            "propensity": slates.propensity[row, place],
            "explored": slates.explored[row, place],
            "rules": [rules[at] for at in row],
            "model_version": np.full(len(row), version, np.int32),
            "shown_at": pd.Series(pd.NaT, index=range(len(row)), dtype="datetime64[us]"),
            "clicked": pd.Series(pd.NA, index=range(len(row)), dtype="boolean"),
        }
    )


def decisions(bundle: Bundle, version: int, users: Strings, answer: Answer) -> pd.DataFrame:
    """A row a candidate, in the columns of `DECISION`: the log of the rules, and what each step did."""
    removal = answer.reranked.removal
    row, column = np.nonzero(removal.there)
    steps = {int(bits): list(removal.named(int(bits))) for bits in np.unique(removal.bits[row, column])}
    return decision_log(answer.decisions, answer.requests, users).assign(
        slate_id=_slate_ids(bundle, version, users, answer)[row],
        rank=pd.Series(column + 1, dtype="Int32").where(np.isfinite(answer.pool.score[row, column])),
        steps=[steps[int(bits)] for bits in removal.bits[row, column]],
    )


def _slate_ids(bundle: Bundle, version: int, users: Strings, answer: Answer) -> Strings:
    asked = [outputs for outputs in [answer.asking.outputs] if outputs]
    return np.array([digest([bundle.manifest["key"], version, name, *asked]) for name in users], object)
