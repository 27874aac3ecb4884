"""Reading files of sessions, in either of the shapes in which the session papers share their data.

Training: `session_id`, `item_id`, and `position` or `clicked_at`; a column `user_id` is read where there is one.
Test: the same, each click after the first being a case; or `case_id`, `prefix`, `target`. Identifiers may be
numbers or text. Where there is no `clicked_at`, the order of the sessions is the clock: a unit is a thousand sessions.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ml.data.arrays import Floats, Ints, Ragged
from ml.data.parquet import read_table
from ml.errors import BadInput
from ml.logs import get_logger
from ml.sessions.sessions import UNKNOWN, Cases, Queries, Sessions, latest, next_click_cases, without

log = get_logger(__name__)
LONGEST = 50  # clicks of a session that are read, the latest; longer ones are mostly crawlers
DAY_NS = 86_400_000_000_000
CLICKS_PER_UNIT = 1000  # sessions a unit of time, where the source knows none


@dataclass(frozen=True)
class SessionData:
    """What a benchmark needs: the past, the cases, and what its numbers stand for."""

    train: Sessions
    cases: Cases
    item_ids: pd.Index  # (I,) the identifier of each item number


def load_sessions(train: Path, test: Path, *, longest: int = LONGEST) -> SessionData:
    """Read both files.

    Items are numbered by the training file. An item of the test that training never saw leaves the prefixes, and is
    a miss as a target. Training sessions of one click count for popularity alone.

    Args:
        train: Parquet file of training sessions.
        test: Parquet file of test sessions or cases.
        longest: Clicks of a session that are read: its latest.

    Raises:
        BadInput: names the file, the row, the field and the remedy.
    """
    past, item_ids, users = _past(train, longest)
    cases = _cases(test, item_ids, users, past, longest)
    if not len(cases):
        raise BadInput(f"{test}: no session has two clicks, so there is no case to ask: check session_id")
    log.info("%d sessions, %d items, %d cases", len(past), len(item_ids), len(cases))
    return SessionData(past, cases, item_ids)


def load_past(train: Path, *, longest: int = LONGEST) -> Sessions:
    """Read a file of training sessions alone; raises as `load_sessions` does."""
    return _past(train, longest)[0]


def _past(train: Path, longest: int) -> tuple[Sessions, pd.Index, pd.Index]:
    """The sessions, and what their item and user numbers stand for."""
    frame = _ordered(read_table(train, ("session_id", "item_id"), "at least one session of two clicks"), train)
    item, item_ids = pd.factorize(frame["item_id"], sort=True)
    users = pd.Index(pd.unique(frame["user_id"])) if "user_id" in frame else pd.Index([])
    past = _sessions(frame, item, users, len(item_ids), longest)
    if not (past.clicks.lengths > 1).any():
        raise BadInput(f"{train}: no session has two clicks, so there is no next click to learn from: check session_id")
    return past, item_ids, users


def _ordered(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Clicks in the order in which they were made, sessions oldest first; `session` numbers them."""
    order = next((name for name in ("clicked_at", "position") if name in frame), None)
    if order is None:
        raise BadInput(f"{path}: neither column clicked_at nor position is there: add one that orders a session")
    bad = np.flatnonzero(pd.isna(frame[order]))
    if len(bad):
        raise BadInput(f"{path}, row {bad[0]}: {order} is empty: fill it in or leave the row out")
    try:
        key = pd.to_datetime(frame[order], utc=True) if order == "clicked_at" else pd.to_numeric(frame[order])
    except (ValueError, TypeError) as error:
        raise BadInput(f"{path}: {order} cannot be ordered ({error}): write times or numbers") from error
    frame = frame.assign(_key=key)
    if order == "clicked_at":
        ended = frame.groupby("session_id")["_key"].transform("max")
        frame = frame.assign(_ended=ended, days=ended.astype("datetime64[ns, UTC]").astype("int64") / DAY_NS)
        frame = frame.sort_values(["_ended", "session_id", "_key"], kind="stable")
    else:
        first = pd.factorize(frame["session_id"])[0]
        frame = frame.assign(_first=first).sort_values(["_first", "_key"], kind="stable")
    return frame.assign(session=pd.factorize(frame["session_id"])[0]).reset_index(drop=True)


def _sessions(frame: pd.DataFrame, item: Ints, users: pd.Index, items: int, longest: int) -> Sessions:
    session = frame["session"].to_numpy(np.int64)
    count = int(session.max()) + 1
    clicks = Ragged.from_pairs(session, item.astype(np.int32), count)
    first = clicks.offsets[:-1]
    user = users.get_indexer(frame["user_id"].iloc[first]) if "user_id" in frame else np.full(count, UNKNOWN)
    days = frame["days"].to_numpy()[first] if "days" in frame else np.arange(count) / CLICKS_PER_UNIT
    long = np.count_nonzero(clicks.lengths > longest)
    if long:
        log.warning("%d sessions are longer than %d clicks: their latest %d are read", long, longest, longest)
    return Sessions(latest(clicks, longest), days.astype(np.float32), user.astype(np.int64), items)


def _cases(path: Path, item_ids: pd.Index, users: pd.Index, past: Sessions, longest: int) -> Cases:
    frame = read_table(path, (), "at least one session of two clicks")
    cases = _given(path, item_ids, past, longest) if "prefix" in frame else _made(path, item_ids, users, past, longest)
    lost = np.count_nonzero(cases.target == UNKNOWN)
    if len(cases) and lost == len(cases):
        raise BadInput(
            f"{path}: training knows no target of this file (its items are {item_ids.dtype}, such as {item_ids[0]!r}): "
            "write the items of both files alike"
        )
    if lost:
        log.warning("%d of %d targets are items that training never saw: nobody can find them", lost, len(cases))
    return cases


def _made(path: Path, item_ids: pd.Index, users: pd.Index, past: Sessions, longest: int) -> Cases:
    """Each next click of each test session."""
    frame = _ordered(read_table(path, ("session_id", "item_id"), "at least one session of two clicks"), path)
    item = item_ids.get_indexer(frame["item_id"])
    sessions = _sessions(frame, item, users, len(item_ids), longest)
    cases = next_click_cases(sessions, longest)
    prefix = without(cases.queries.prefix, cases.queries.prefix.values == UNKNOWN)
    at = cases.queries.at if "days" in frame else _now(past, len(cases))
    return Cases(Queries(prefix, at, cases.queries.user), cases.target, cases.session)


def _given(path: Path, item_ids: pd.Index, past: Sessions, longest: int) -> Cases:
    """The cases that the file lists."""
    frame = read_table(path, ("case_id", "prefix", "target"), "at least one session of two clicks")
    if frame["prefix"].map(np.ndim).ne(1).any():
        raise BadInput(f"{path}: prefix is no list of items: write a list a row, the latest item last")
    lengths = frame["prefix"].map(len).to_numpy(np.int64)
    empty = np.flatnonzero(lengths == 0)
    if len(empty):
        raise BadInput(f"{path}, row {empty[0]}: prefix is empty: leave the case out, there is no session to go by")
    items = np.concatenate(frame["prefix"].to_numpy())
    bad = np.flatnonzero(pd.isna(items))
    if len(bad):
        row = np.searchsorted(np.cumsum(lengths), bad[0], side="right")
        raise BadInput(f"{path}, row {row}: prefix holds an empty item: fill it in or leave it out")
    whole = Ragged(np.r_[0, np.cumsum(lengths)], item_ids.get_indexer(items))
    target = item_ids.get_indexer(frame["target"]).astype(np.int64)
    prefix = latest(whole, longest)
    prefix = without(prefix, prefix.values == UNKNOWN)
    queries = Queries(prefix, _now(past, len(frame)), np.full(len(frame), UNKNOWN))
    return Cases(queries, target, _same_session(whole, target))


def _now(past: Sessions, rows: int) -> Floats:
    return np.full(rows, past.at.max(initial=0), np.float32)


def _same_session(prefix: Ragged, target: Ints) -> Ints:
    """(C,) a number a session: the papers list a session's cases from its longest prefix to its shortest."""
    lengths, rows = prefix.lengths, prefix.rows
    shorter = np.r_[False, lengths[1:] == lengths[:-1] - 1]
    last = prefix.values[prefix.offsets[1:] - 1]
    follows = shorter & np.r_[False, target[1:] == last[:-1]]
    before = np.arange(len(rows)) - np.r_[0, lengths[:-1]][rows]  # the same place of the case before
    differs = follows[rows] & (prefix.values != prefix.values[np.maximum(before, 0)])
    broken = np.bincount(rows, differs, len(prefix)) > 0
    return np.cumsum(~(follows & ~broken)) - 1
