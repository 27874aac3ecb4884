"""Compiled loops over traces: what numpy would need a large intermediate array, or a loop over users, for.

Shapes: R rows (users), N events, G groups, A aggregates, S slots of a group's values.
"""

import numba
import numpy as np

from ml.data.arrays import Bools, Floats, Indices, Ints
from ml.features.programs import (
    ADD,
    CATEGORY,
    CONDITION,
    DAY_US,
    DECAY,
    DIFFERENCE,
    DISCOUNT,
    INTERVAL,
    LAST,
    LATEST,
    LIST_VALUE,
    OF,
    OPENS_PAIR,
    OPENS_SESSION,
    OPERATION,
    PLACE,
    PRIVATE_BRAND,
    PROMOTED,
    QUANTITY,
    SECONDS,
    SLOT,
    SPAN,
    VALUE,
    WINDOW,
    Values,
)


def _first_of_each(offsets: Ints, key: Ints, kind: Ints) -> Bools:
    """(N,) whether an event is its row's first of its kind with its key; each row is in order of time."""
    found = np.zeros(len(key), np.bool_)
    for row in range(len(offsets) - 1):
        start = offsets[row]
        order = np.argsort(key[start : offsets[row + 1]], kind="mergesort")
        seen = np.uint64(0)
        for place in range(len(order)):
            at = start + order[place]
            if place == 0 or key[at] != key[start + order[place - 1]]:
                seen = np.uint64(0)
            bit = np.uint64(1) << np.uint64(kind[at])
            found[at] = seen & bit == 0
            seen |= bit
    return found


def _repeated(offsets: Ints, event: Ints, other_offsets: Ints, other: Ints) -> tuple[Bools, Bools]:
    """(N,), (M,) which events of a row came before in it, those of the first trace being before the other's."""
    mine, theirs = np.zeros(len(event), np.bool_), np.zeros(len(other), np.bool_)
    for row in range(len(offsets) - 1):
        start, stop = offsets[row], offsets[row + 1]
        begin, end = other_offsets[row], other_offsets[row + 1]
        if begin == end:
            continue
        both = np.concatenate((event[start:stop], other[begin:end]))
        order = np.argsort(both, kind="mergesort")
        for place in range(1, len(order)):
            if both[order[place]] == both[order[place - 1]]:
                if order[place] < stop - start:
                    mine[start + order[place]] = True
                else:
                    theirs[begin + order[place] - (stop - start)] = True
    return mine, theirs


def _grouped(offsets: Ints, stops: Ints, key: Indices, kind: Ints, allowed: Bools) -> tuple[Indices, Ints, Indices]:
    """Group each row's events before its stop by key, those of allowed kinds that have one.

    Returns:
        (N,) group of each event, -1 for none; (R + 1,) where each row's groups begin; (G,) their keys, ascending.
    """
    group = np.full(len(key), -1, np.int32)
    starts, keys = np.zeros(len(offsets), np.int64), np.empty(len(key), np.int32)
    sorted_ = np.empty(len(key), np.int64)
    count = 0
    for row in range(len(offsets) - 1):
        begin, width = count, 0
        for at in range(offsets[row], stops[row]):
            if key[at] >= 0 and allowed[kind[at]]:
                # Key and place in one number: sorting these costs half of what sorting places by key does.
                sorted_[width] = (np.int64(key[at]) << 32) | (at - offsets[row])
                width += 1
        sorted_[:width].sort()
        for place in range(width):
            of = np.int32(sorted_[place] >> 32)
            if count == begin or keys[count - 1] != of:
                keys[count] = of
                count += 1
            group[offsets[row] + (sorted_[place] & 0xFFFFFFFF)] = count - 1
        starts[row + 1] = count
    return group, starts, keys[:count].copy()


def _holds(where: int, opens_session: bool, opens_pair: bool, promoted: bool, private_brand: bool) -> bool:
    """Whether an event meets a condition."""
    if where == OPENS_SESSION:
        return opens_session
    if where == OPENS_PAIR:
        return opens_pair
    if where == PROMOTED:
        return promoted
    return private_brand if where == PRIVATE_BRAND else True


def _amount(of: int, value: float, quantity: float, seconds: float, discount: float) -> float:
    """What an event adds; a number that is missing adds nothing."""
    found = 1.0
    if of == VALUE or of == LIST_VALUE:  # noqa: SIM109  # compiled: no collection to look into
        found = value
    elif of == QUANTITY:
        found = quantity
    elif of == SECONDS:
        found = seconds
    elif of == DISCOUNT:
        found = discount
    found = 0.0 if np.isnan(found) else found
    return found + (0.0 if of != LIST_VALUE or np.isnan(discount) else discount)


def _note(op: int, line: Values, slot: int, age: float, text: int) -> None:
    """Tell a group's values (S,) of an event so many days ago; NaN stands for no event yet."""
    if op == LATEST:
        if text >= 0 and not age > line[slot + 1]:
            line[slot], line[slot + 1] = text, age
    elif op == LAST:
        line[slot] = age if not age >= line[slot] else line[slot]
    else:
        line[slot] = age if not age <= line[slot] else line[slot]
        if op == SPAN and not age >= line[slot + 1]:
            line[slot + 1] = age


def _aggregate(
    offsets: Ints, stops: Ints, moment: Ints, group: Indices, at: Ints, kind: Ints,
    value: Floats, quantity: Floats, seconds: Floats, discount: Floats,
    place: Indices, category: Indices, brand: Indices,
    opens_session: Bools, opens_pair: Bools, promoted: Bools, private_brand: Bools,
    kinds: Bools, starts: Ints, members: Ints, ops: Ints, half_life: Values, day_shift: int, out: Values, there: Bools,
) -> None:  # fmt: skip
    """Add each row's events before its stop to `out` (G, S) by the aggregates that read their kind.

    `members[starts[k]:starts[k + 1]]` are the aggregates that read kind k; a row of `ops` (A, 5) is operation,
    condition, window in days, amount or text, and slot. What holds always and what adds one is numbered zero.
    """
    for row in range(len(offsets) - 1):
        today = (moment[row] - day_shift) // DAY_US
        for e in range(offsets[row], stops[row]):
            g = group[e]
            if g < 0 or not kinds[kind[e]]:
                continue
            there[g] = True
            day, age = (at[e] - day_shift) // DAY_US, (moment[row] - at[e]) / DAY_US
            line = out[g]
            for m in range(starts[kind[e]], starts[kind[e] + 1]):
                a = members[m]
                if day < today - ops[a, WINDOW]:
                    continue
                op, where, of, slot = ops[a, OPERATION], ops[a, CONDITION], ops[a, OF], ops[a, SLOT]
                if where and not holds(where, opens_session[e], opens_pair[e], promoted[e], private_brand[e]):
                    continue
                if op > DECAY:
                    text = place[e] if of == PLACE else (category[e] if of == CATEGORY else brand[e])
                    note(op, line, slot, age, text)
                    continue
                added = amount(of, value[e], quantity[e], seconds[e], discount[e]) if of else 1.0
                line[slot] += added if op == ADD else added * np.exp2(-age / half_life[a])


def _derive(values: Values, steps: Ints, scale: Values) -> None:
    """Write the features that are made of others to `values` (G, S); a row of `steps` is operation, slot, parts."""
    for g in range(len(values)):
        line = values[g]
        for s in range(len(steps)):
            out, left, right = steps[s, 1], steps[s, 2], steps[s, 3]
            if steps[s, 0] == DIFFERENCE:
                line[out] = line[left] - line[right]
                continue
            above, below = line[left], line[right]
            if steps[s, 0] == INTERVAL:
                above, below = line[left] - line[left + 1], line[right] - 1
            line[out] = np.nan if below == 0 else scale[s] * above / below


first_of_each = numba.njit(cache=True, nogil=True)(_first_of_each)
repeated = numba.njit(cache=True, nogil=True)(_repeated)
grouped = numba.njit(cache=True, nogil=True)(_grouped)
holds = numba.njit(cache=True, nogil=True)(_holds)
amount = numba.njit(cache=True, nogil=True)(_amount)
note = numba.njit(cache=True, nogil=True)(_note)
aggregate = numba.njit(cache=True, nogil=True)(_aggregate)
derive = numba.njit(cache=True, nogil=True)(_derive)
