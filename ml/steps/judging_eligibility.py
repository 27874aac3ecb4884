"""Who may be offered what, of everybody and everything at once: the declared rules on all users times all items."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ml.artifacts import MANIFEST, built_beside, code_digest, digest, file_digest, manifest, write_json
from ml.data.arrays import Strings
from ml.data.known_users import KnownUsers
from ml.domains import Domain
from ml.errors import BadInput
from ml.logs import get_logger, progress
from ml.reranking.eligibility import Decisions, ItemsSeen, decide
from ml.settings import settings
from ml.steps.record import recorded
from ml.steps.training_features import current_features

DECISIONS = "decisions.parquet"
PAIRS = 1 << 20  # of a user and an item that are judged and written together, which bounds the memory
DECISION = pa.schema(
    [("user_id", pa.string()), ("item_id", pa.string()), ("allowed", pa.bool_()), ("rules", pa.list_(pa.string()))]
)
log = get_logger(__name__)


@recorded("eligibility")
def eligibility(domain: str, channel: str | None = None) -> dict[str, Any]:
    """Judge every known user and every item by the domain's rules, as of the instant of the current features.

    Written to `SLATE_HOME/eligibility/<domain>/<as_of>-<key>/`, which appears at once; the same question finds it
    again: `decisions.parquet` with user_id, item_id, allowed, and rules (those that forbid it, as `id@version`).

    Args:
        domain: Name of a domain that declares rules and whose features are published.
        channel: Of marketing, through which items would be offered; None: users ask by themselves.

    Returns:
        `path`, `as_of`, `channel`, `ruleset` (the digest of the declared rules), `users`, `items`, `pairs`, `allowed`
        (pairs), `without` (users to whom nothing may be offered), and two counts of pairs: `forbidden`, by rule, and
        `allowed_by_item`.

    Raises:
        BadInput: The domain declares no rules, or none of them knows the channel.
        RunFailed: There are no current features.
    """
    features = current_features(domain)
    users = KnownUsers.of(features)
    _check(users.domain, channel)
    made_of, ruleset = manifest(features), users.domain.eligibility.digest
    code = code_digest("data", "reranking/eligibility", "steps/judging_eligibility.py")
    key = digest([made_of["key"], ruleset, channel, code])
    as_of = made_of["as_of"]
    final = settings().domain_path("eligibility", domain) / f"{datetime.fromisoformat(as_of):%Y%m%dT%H%M%SZ}-{key}"
    if not (final / MANIFEST).exists():
        _publish(final, users, channel, {"domain": domain, "as_of": as_of, "channel": channel, "ruleset": ruleset})
    log.info("eligibility of all users: %s", final)
    return {"path": str(final / DECISIONS)} | {
        name: value for name, value in manifest(final).items() if name != "files"
    }


def _check(domain: Domain, channel: str | None) -> None:
    rules = domain.eligibility
    if not rules.rules and not rules.required:
        raise BadInput(f"{domain.name} declares no rules of eligibility: everything may be offered to everybody")
    rules.check_channel(channel)


def _publish(final: Path, users: KnownUsers, channel: str | None, described: dict[str, Any]) -> None:
    with built_beside(final) as beside:
        counted = _Counts(users.domain)
        with pq.ParquetWriter(beside / DECISIONS, DECISION, compression="zstd") as writer:
            for names, decisions in _judged(users, channel):
                writer.write_table(_table(names, decisions))
                counted.add(decisions)
        files = {DECISIONS: file_digest(beside / DECISIONS)}
        write_json(beside / MANIFEST, described | counted.summary(users) | {"files": files})


def _judged(users: KnownUsers, channel: str | None) -> Iterator[tuple[Strings, Decisions]]:
    """Decisions on some users and all items, and who the users are."""
    items = ItemsSeen.of(users.catalogue, users.item_facts)
    size = max(PAIRS // max(len(items), 1), 1)
    for names, requests in progress(users.chunks(size), "Judging", total=-(-len(users) // size)):
        through: Strings | None = None if channel is None else np.full(len(names), channel, object)
        yield names, decide(users.domain.eligibility, requests, items, channel=through)


def _table(users: Strings, decisions: Decisions) -> pa.Table:
    """A row a user and item, in the columns of `DECISION`."""
    count, width = decisions.failed.shape
    masks, place = np.unique(decisions.failed, return_inverse=True)
    grounds = pa.array([list(decisions.eligibility.named(int(bits))) for bits in masks], DECISION.field("rules").type)
    ids, items = pa.array(users, pa.string()), pa.array(decisions.items.ids, pa.string())
    columns = [
        ids.take(pa.array(np.repeat(np.arange(count), width))), items.take(pa.array(np.tile(np.arange(width), count))),
        pa.array(decisions.allowed.ravel()), grounds.take(pa.array(place.ravel())),
    ]  # fmt: skip
    return pa.table(columns, DECISION)


class _Counts:
    """Adds up decisions, some users at a time."""

    def __init__(self, domain: Domain) -> None:
        self._rules = domain.eligibility.names
        self._forbidden: Counter[str] = Counter(dict.fromkeys(self._rules, 0))
        self._allowed: Counter[int] = Counter()
        self._without = 0

    def add(self, decisions: Decisions) -> None:
        """Take in the decisions on some users and all items."""
        for number, rule in enumerate(self._rules):
            self._forbidden[rule] += int(np.count_nonzero(decisions.failed & np.uint64(1 << number)))
        self._allowed.update(dict(enumerate(decisions.allowed.sum(axis=0).tolist())))
        self._without += int((~decisions.allowed.any(axis=1)).sum())

    def summary(self, users: KnownUsers) -> dict[str, Any]:
        """What the step returns of them."""
        items = users.catalogue["item_id"]
        return {
            "users": len(users), "items": len(items), "pairs": len(users) * len(items),
            "allowed": self._allowed.total(), "without": self._without, "forbidden": dict(self._forbidden),
            "allowed_by_item": {item: self._allowed[place] for place, item in enumerate(items)},
        }  # fmt: skip
