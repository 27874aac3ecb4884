"""The published marts as arrays: vocabularies, the event log, and the cases cut from it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from ml.artifacts import manifest
from ml.data.arrays import Floats, Indices, Ints, Ragged, distinct, first_at, take_ranges
from ml.data.facts import FactTable, UserStates, item_facts, user_states
from ml.data.knowledge import Knowledge
from ml.data.requests import Cases, History, Requests
from ml.data.visibility import EVERYTHING, Visibility
from ml.data.vocabulary import Vocabulary, encoded
from ml.data.windows import Windows, to_micros
from ml.domains import Domain, Source, get_domain
from ml.domains.domain import Outputs
from ml.errors import RunFailed


@dataclass(frozen=True)
class Log:
    """N events that say something about liking, ordered by user, then time."""

    user: Indices
    item: Indices
    at: Ints  # microseconds since 1970 UTC
    session: Indices  # numbered over the whole log
    place: Indices
    weight: Floats
    value: Floats
    target: np.ndarray  # bool: an event that a recommendation should bring about
    users: int
    items: int
    kind: Indices | None = None  # place of the event type in `Domain.event_weights`; None: nobody told

    def __len__(self) -> int:
        return len(self.user)

    @cached_property
    def offsets(self) -> Ints:
        """(users + 1,) where each user's events begin."""
        return np.searchsorted(self.user, np.arange(self.users + 1)).astype(np.int64)

    def with_items(self, items: int) -> "Log":
        """The same events over another number of items: where each user's begin is not looked up again."""
        log = replace(self, items=items)
        vars(log)["offsets"] = self.offsets
        return log

    def where(self, keep: np.ndarray) -> "Log":
        """The events that a mask keeps."""
        names = ("user", "item", "at", "session", "place", "weight", "value", "target")
        kind = None if self.kind is None else self.kind[keep]
        return replace(self, kind=kind, **{name: getattr(self, name)[keep] for name in names})

    def before(self, moment: int) -> "Log":
        """The events strictly before an instant."""
        return self.where(self.at < moment)

    def history(self) -> History:
        """All events as one history a user."""
        return History(self.offsets, self.item, self.at, self.session, self.weight, self.kind, self.value)


@dataclass(frozen=True)
class Dataset:
    """One published feature artifact, ready for models."""

    path: Path
    domain: Domain
    source: Source
    windows: Windows
    users: Vocabulary
    items: Vocabulary
    places: Vocabulary
    log: Log
    catalogue: pd.DataFrame  # one row an item, in vocabulary order
    knowledge: Knowledge = field(default_factory=Knowledge.none)
    item_facts: FactTable = field(default_factory=FactTable.none)  # one row an item, in vocabulary order
    visible: Visibility = EVERYTHING  # what requests are told

    def before(self, moment: int) -> "Dataset":
        """The same vocabularies with only the events strictly before an instant."""
        return replace(self, log=self.log.before(moment), knowledge=self.knowledge.before(moment))

    def told(self, requests: Requests) -> Requests:
        """The same requests with what was known of their users beside events, without what is not visible."""
        return self.visible.requests(self.knowledge.told(requests, self.log.items))

    def limited(self, visible: Visibility) -> "Dataset":
        """The same as models may see it.

        The events that a recommendation should bring about stay in the log, whatever is visible: they are what models
        learn to predict. Requests are told of them only where they are visible.
        """
        if visible.whole:
            return self
        kept = visible.events(self.log.kind, len(self.log)) | self.log.target
        facts = {name: fact for name, fact in self.domain.user_facts.items() if name in visible.facts}
        states = replace(self.knowledge.facts, table=visible.told(self.knowledge.facts.table))
        return replace(
            self, log=self.log.where(kept), domain=self.domain.model_copy(update={"user_facts": facts}),
            knowledge=replace(self.knowledge, facts=states), visible=visible,
        )  # fmt: skip

    def asked_for(self, outputs: Outputs) -> "Dataset":
        """The same with slates that are for these items."""
        return replace(self, knowledge=replace(self.knowledge, outputs=outputs))

    def snapshot_of(self, moment: Ints) -> Ints:
        """The latest feature snapshot at or before each moment (ASOF); the first one where there is none."""
        known = np.array([to_micros(at) for at in self.windows.snapshots])
        return known[np.maximum(np.searchsorted(known, moment, side="right") - 1, 0)]


def load_dataset(path: Path) -> Dataset:
    """Read a published `features` artifact (see `ml.steps.features`)."""
    domain, source, windows = declared_by(path)
    catalogue = read_catalogue(path)
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2; SET TimeZone = 'UTC'")
        without_weight = [*domain.holdings.begin, *domain.holdings.end, *domain.told_events]
        told = dict.fromkeys(without_weight, 0.0) | domain.event_weights
        weights = pd.DataFrame(told.items(), columns=["event_type", "weight"])
        connection.register("weights", weights)
        events = connection.execute(
            """
            SELECT user_id, item_id, session_id, place_id, epoch_us(occurred_at) AS at, weight,
                   coalesce(value, 0) AS value, event_type
            FROM read_parquet($path) JOIN weights USING (event_type)
            WHERE weight > 0 OR list_contains($without_weight, event_type)
            ORDER BY user_id, occurred_at, session_id, session_position, event_id
            """,
            {"path": str(path / "events.parquet"), "without_weight": without_weight},
        ).df()
    items = Vocabulary(catalogue["item_id"].to_numpy(object))
    users, user = _users(path, events["user_id"], domain)
    _, session = encoded(events["session_id"])
    places, place = encoded(events["place_id"])
    item, at, kind = items.encode(events["item_id"]), events["at"].to_numpy(np.int64), events["event_type"]
    log = Log(
        user=user, item=item, at=at, session=session, place=place, weight=events["weight"].to_numpy(np.float32),
        value=events["value"].to_numpy(np.float32), target=kind.isin(domain.target_events).to_numpy(),
        users=len(users), items=len(items),
        kind=pd.Index(list(domain.event_weights)).get_indexer(kind).astype(np.int32),
    )  # fmt: skip
    facts = (
        user_states(path / "user_states.parquet", users, domain.user_facts) if domain.user_facts else UserStates.none()
    )
    knowledge = Knowledge.of_events(domain, facts, user, item, at, kind.to_numpy(object))
    return Dataset(
        path, domain, source, windows, users, items, places, log.where(log.weight > 0), catalogue, knowledge,
        item_facts(catalogue, domain.item_facts),
    )  # fmt: skip


def refuse_nothing(dataset: Dataset) -> None:
    """Raise `RunFailed` where nobody could learn from a data set, nor be recommended anything: it is empty."""
    name = dataset.domain.name
    for what, there in (("item", len(dataset.items)), ("event that says what is liked", len(dataset.log))):
        if not there:
            raise RunFailed(
                f"the features of {name} hold no {what}: land a catalogue and what was done with it, then run "
                f"slate features --domain {name}"
            )


def declared_by(path: Path) -> tuple[Domain, Source, Windows]:
    """The domain of a published artifact as its source needs it, the source, and the windows of its instant."""
    described = manifest(path)
    source = Source.model_validate(described["source"])
    domain = source.applied_to(get_domain(described["domain"]))
    return domain, source, Windows.of(datetime.fromisoformat(described["as_of"]), domain.protocol)


def read_catalogue(path: Path) -> pd.DataFrame:
    """The items of a published artifact, one row each, in vocabulary order."""
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2; SET TimeZone = 'UTC'")
        return connection.execute(
            "SELECT * FROM read_parquet($path) ORDER BY item_id", {"path": str(path / "items.parquet")}
        ).df()


def _users(path: Path, seen: pd.Series, domain: Domain) -> tuple[Vocabulary, Indices]:
    """Everybody who did something and, where users have facts, everybody else who is known; and who did each event."""
    if not domain.user_facts:
        return encoded(seen)
    with duckdb.connect() as connection:
        known = connection.execute(
            "SELECT DISTINCT user_id FROM read_parquet($path)", {"path": str(path / "user_states.parquet")}
        ).df()["user_id"]
    users, codes = encoded(pd.concat([seen, known], ignore_index=True))
    return users, codes[: len(seen)]


def requests_for(log: Log, user: Indices, moment: Ints) -> Requests:
    """One request a (user, moment): the user's events strictly before it, no current session.

    A user number of -1 is an unknown user: its history is empty.
    """
    known = np.maximum(user, 0)
    starts = log.offsets[known]
    stops = first_at(log.at, starts, log.offsets[np.minimum(known + 1, log.users)], np.asarray(moment))
    stops = np.where(user < 0, starts, stops)
    place = np.where(stops > starts, log.place[np.maximum(stops - 1, 0)] if len(log) else -1, -1).astype(np.int32)
    return Requests(
        np.asarray(user, np.int32), np.asarray(moment, np.int64), place,
        log.history().cut(starts, stops), Ragged.empty(len(user)),
    )  # fmt: skip


def user_cases(log: Log, start: int, stop: int) -> Cases:
    """One case a user who took something in [start, stop): the distinct items, from all known before `start`."""
    taken = np.flatnonzero(log.target & (log.at >= start) & (log.at < stop))
    pairs = distinct(log.user[taken].astype(np.int64) * log.items + log.item[taken])
    user, row = np.unique(pairs // log.items, return_inverse=True)
    requests = requests_for(log, user.astype(np.int32), np.full(len(user), start, np.int64))
    labels = Ragged.from_pairs(row, (pairs % log.items).astype(np.int32), len(user))
    return Cases(requests, labels, user)


def session_cases(log: Log, start: int, stop: int) -> Cases:
    """One case for each item after the first of a session that lies in [start, stop): the item, from its prefix."""
    order = np.lexsort((np.arange(len(log)), log.session))  # the log's order within each session
    first = np.r_[True, np.diff(log.session[order]) != 0] if len(log) else np.zeros(0, bool)
    begin = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    inside = (log.at[order] >= start) & (log.at[order] < stop)
    starts_inside = inside[begin] if len(order) else inside
    at = np.flatnonzero(~first & inside & starts_inside & log.target[order])
    event = order[at]
    history = log.history().cut(log.offsets[log.user[event]], event.astype(np.int64))
    offsets, positions = take_ranges(begin[at], at)
    prefixes = Ragged(offsets, log.item[order][positions])
    requests = Requests(log.user[event], log.at[event], log.place[event - 1], history, prefixes)
    labels = Ragged(np.arange(len(event) + 1, dtype=np.int64), log.item[event])
    return Cases(requests, labels, log.session[event].astype(np.int64))


def cases_in(dataset: Dataset, start: datetime, stop: datetime) -> list[Cases]:
    """The cases of [start, stop), one batch a cadence (all of a batch share their feature snapshot)."""
    cut = {"user": user_cases, "session": session_cases}[dataset.domain.protocol.unit]
    cases = [cut(dataset.log, to_micros(at), to_micros(end)) for at, end in dataset.windows.cadences(start, stop)]
    return [replace(each, requests=dataset.told(each.requests)) for each in cases]
