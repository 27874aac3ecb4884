"""Features of items at any instant, from the sealed traces of everybody and what happened since."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from ml.data.arrays import Bools, Floats, Indices, Ints
from ml.features.declarations import PLACEMENT_COLUMNS
from ml.features.evaluator import ITEM, Evaluator, single
from ml.features.programs import Program, Values
from ml.features.trace import Trace
from ml.features.trace_kernels import derive
from ml.features.trace_log import TraceLog

TOGETHER = 20_000  # events added up without a pause
LetOthers = Callable[[], object]  # called every few milliseconds: it may wait, so that nobody who asks meanwhile does


@dataclass(frozen=True)
class Since:
    """What some did since the log was sealed: the later events alone, or whole traces in the place of sealed ones."""

    trace: Trace  # of L users
    replaces: Ints  # (L,) row of the log that each stands for; -1: of nobody, what was sealed counts as well


@dataclass(frozen=True)
class _Everybody:
    """All events, in parts: whoever is in a later part is left out of the first."""

    evaluator: Evaluator
    parts: tuple[tuple[Trace, Ints], ...]  # a trace, and where each row's events end (R,)
    moment: int
    let_others: LetOthers

    @classmethod
    def of(
        cls, evaluator: Evaluator, base: Trace, since: Sequence[Since], moment: int, let_others: LetOthers
    ) -> "_Everybody":
        stops, parts = base.stops(np.full(len(base), moment, np.int64)), []
        for each in since:
            gone = each.replaces[each.replaces >= 0]
            stops[gone] = base.offsets[gone]
            parts.append((each.trace, each.trace.stops(np.full(len(each.trace), moment, np.int64))))
        return cls(evaluator, ((base, stops), *parts), moment, let_others)

    def added(self, program: Program, groups: Sequence[Indices], count: int) -> tuple[Values, Bools]:
        """(G, S) values and (G,) whether there is any event, of events in these groups, an array a part."""
        found = program.blank(count), np.zeros(count, bool)
        for (trace, stops), group in zip(self.parts, groups, strict=True):
            moment = np.full(len(trace), self.moment, np.int64)
            for rows in _together(trace.offsets):
                found = self.evaluator.added(program, trace, stops, moment, group, count, found, rows)
                self.let_others()
        return found


def _together(offsets: Ints) -> Iterator[slice]:
    """Rows with some events, about as many each time."""
    bounds = np.searchsorted(offsets, np.arange(0, offsets[-1] + TOGETHER, TOGETHER))
    ends = np.unique(np.minimum(np.append(bounds, len(offsets) - 1), len(offsets) - 1)).tolist()
    return (slice(start, stop) for start, stop in pairwise(ends))


def item_features(
    evaluator: Evaluator, log: TraceLog, moment: int, *, since: Sequence[Since] = (), only: Indices | None = None,
    let_others: LetOthers = lambda: None,
) -> Floats:  # fmt: skip
    """Features of items as of just before a moment, in the order of the evaluator's `item_features`.

    Args:
        evaluator: Of the same event types as the log.
        log: The sealed traces of everybody; placement shares are the sealed ones.
        moment: Microseconds since 1970 UTC.
        since: What happened since, in parts of users of which no event is in two; default: nothing.
        only: Numbers of the wanted items; default: all.
        let_others: Called every few milliseconds: it may wait, where others should go first.

    Returns:
        (items, F) or (len(only), F); NaN for an item without any event.
    """
    program = evaluator.programs[ITEM]
    wanted = np.arange(log.items, dtype=np.int32) if only is None else np.asarray(only, np.int32)
    everybody = _Everybody.of(evaluator, log.trace, since, moment, let_others)
    own = everybody if only is None else _Everybody.of(evaluator, log.of_items(wanted), since, moment, let_others)
    place = np.full(log.items + 1, -1, np.int32)  # the last one is for unknown items
    place[wanted] = np.arange(len(wanted), dtype=np.int32)
    groups = [place[np.where(trace.item < log.items, np.maximum(trace.item, -1), -1)] for trace, _ in own.parts]
    values, there = own.added(program, groups, len(wanted))
    for name in program.foreign:
        _tell_parent(name, program, values, everybody, log)
    for column, of in enumerate(PLACEMENT_COLUMNS):
        if f"placed.{of}" in program.slots:
            values[:, program.slots[f"placed.{of}"]] = log.placed[wanted, column]
    derive(values, program.steps, program.scale)
    values[~there] = np.nan
    return program.columns(values, evaluator.names[ITEM])


def _tell_parent(name: str, program: Program, values: Values, everybody: _Everybody, log: TraceLog) -> None:
    """Write another entity's features, such as the category's purchases, to the items that lastly were of it."""
    parent = everybody.evaluator.parents[name]
    widths = {"category": len(log.categories), "brand": len(log.brands)}
    combined = partial(_combined, [widths[key] for key in parent.entity.keys])
    own = combined([_number(values[:, program.slots[key]]) for key in parent.entity.keys])
    keys = np.unique(own[own >= 0])
    if not len(keys):
        return
    groups = [
        _places(keys, combined([getattr(trace, key) for key in parent.entity.keys])) for trace, _ in everybody.parts
    ]
    found, there = everybody.added(parent, groups, len(keys))
    derive(found, parent.steps, parent.scale)
    found[~there] = np.nan
    group = _places(keys, own)
    for part in program.foreign[name]:
        told = single(found[:, parent.slots[part]])
        values[:, program.slots[f"{name}.{part}"]] = np.where(group >= 0, told[np.maximum(group, 0)], np.nan)


def _number(last: Values) -> Ints:
    """A last value as the number that it is; -1 where there is none."""
    return np.where(np.isnan(last), -1, np.nan_to_num(last)).astype(np.int64)


def _combined(widths: Sequence[int], columns: Sequence[Ints | Indices]) -> Ints:
    """One number of several keys; -1 where any is missing."""
    found = columns[0].astype(np.int64)
    for width, column in zip(widths[1:], columns[1:], strict=True):
        found = np.where((found < 0) | (column < 0), -1, found * width + column)
    return found


def _places(keys: Ints, wanted: Ints) -> Indices:
    """Where each of the wanted numbers stands in sorted keys; -1: nowhere."""
    most = int(max(keys[-1], wanted.max(initial=0)))
    if most < 10 * len(wanted):  # a table is filled faster than everything is searched for
        table = np.full(most + 2, -1, np.int32)
        table[keys] = np.arange(len(keys), dtype=np.int32)
        return table[wanted]
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, at, -1).astype(np.int32)
