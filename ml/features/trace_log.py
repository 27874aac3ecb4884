"""The traces of everybody in a published features artifact, sealed as plain files that are mapped, not read."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ml.artifacts import read_json, write_json
from ml.data.arrays import Bools, Floats, Indices, Ints, mapped, take_ranges
from ml.data.vocabulary import Vocabulary
from ml.errors import RunFailed
from ml.features.trace import Trace

DESCRIBED = "traces.json"


@dataclass(frozen=True)
class TraceLog:
    """What everybody did before the instant of a data set.

    The first `len(users)` rows are the data set's users, in their order. Behind them stands whoever did only what models
    do not learn from: their events count for items.
    """

    trace: Trace
    known: Bools  # (R,) whether the source says who it was: other rows are sessions of nobody
    users: int  # of the data set's vocabulary
    items: int  # of the data set's vocabulary
    categories: Vocabulary  # those of the catalogue first, with their numbers, then any that events were of
    brands: Vocabulary
    item_offsets: Ints  # (items + 1,) with `item_events`: positions of each item's events, ascending
    item_events: Ints  # (N,)
    placed: Floats  # (items, 2) share of the places that display and that mail the item, as sealed

    def of(self, rows: Ints) -> Trace:
        """The traces of these users of the data set; -1 and whoever is not known leaves none.

        Sessions that nobody signed in to have no features of users; `trace.take` tells what happened in them.
        """
        rows = np.asarray(rows, np.int64)
        known = (rows >= 0) & self.known[np.maximum(rows, 0)] if len(self.known) else np.zeros(len(rows), bool)
        return self.trace.take(np.where(known, rows, -1))

    def of_items(self, items: Indices) -> Trace:
        """What everybody did with these items; all rows stay."""
        items = np.unique(items)
        _, positions = take_ranges(self.item_offsets[items], self.item_offsets[items + 1])
        return self.trace.pick(np.sort(self.item_events[positions]))

    def without(self, gone: Bools) -> "TraceLog":
        """What everybody else did; the numbers of all rows stay.

        Args:
            gone: (users,) of the data set, whose events go.
        """
        row_goes = np.append(gone, np.zeros(len(self.trace) - len(gone), bool))
        trace = self.trace.pick(np.flatnonzero(~row_goes[self.trace.rows]))
        offsets, positions = indexed(trace, self.items)
        return replace(self, trace=trace, known=self.known & ~row_goes, item_offsets=offsets, item_events=positions)


def indexed(trace: Trace, items: int) -> tuple[Ints, Ints]:
    """Offsets (items + 1,) and positions of each item's events, ascending; events of unknown items are left out."""
    order = np.argsort(trace.item, kind="stable").astype(np.int64)
    offsets = np.searchsorted(trace.item[order], np.arange(items + 1)).astype(np.int64)
    return offsets - offsets[0], order[offsets[0] : offsets[-1]]


def save_traces(folder: Path, log: TraceLog) -> None:
    """Write the traces: an .npy an array, the rest into one JSON file."""
    folder.mkdir(parents=True)
    arrays = {name: getattr(log, name) for name in ("known", "item_offsets", "item_events", "placed")}
    for name, values in (arrays | {f"trace_{name}": getattr(log.trace, name) for name in _columns()}).items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(values), allow_pickle=False)
    counts = {"users": log.users, "items": log.items}
    texts = {name: list(getattr(log, name).ids) for name in ("categories", "brands")}
    write_json(folder / DESCRIBED, {**counts, **texts, "kinds": list(log.trace.kinds)})


def load_traces(folder: Path) -> TraceLog:
    """What `save_traces` wrote; raises `RunFailed` where there is nothing."""
    if not (folder / DESCRIBED).exists():
        raise RunFailed(f"{folder.parent} was sealed without its users' traces, which serving needs: publish again")
    told: dict[str, Any] = read_json(folder / DESCRIBED)
    arrays: dict[str, Any] = {path.stem: mapped(path) for path in sorted(folder.glob("*.npy"))}
    columns = {name: arrays.pop(f"trace_{name}") for name in _columns()}
    told |= {name: Vocabulary(np.array(told[name], object)) for name in ("categories", "brands")}
    return TraceLog(Trace(tuple(told.pop("kinds")), **columns), **told, **arrays)


def _columns() -> list[str]:
    return [each.name for each in fields(Trace) if each.name != "kinds"]
