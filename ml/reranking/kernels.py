"""Compiled inner loops: one request's slate from what is left of its candidates.

Legend: C candidates in the ranker's order, K places, L levels of category paths, D dimensions of item vectors.
A candidate is named by its column (C), a place by its number from 0.
"""

import numba
import numpy as np

from ml.data.arrays import Bools, Floats, Indices, Ints, Reals


def _described(item: Indices, category: Indices, path: Indices, brand: Indices) -> tuple[Indices, Indices, Indices]:
    """Category (C,), path (L, C) and brand (C,) of one request's candidates, side by side: each is read for every place.

    -1: none.
    """
    own, levels = np.full(len(item), -1, np.int32), np.full((path.shape[1], len(item)), -1, np.int32)
    maker = np.full(len(item), -1, np.int32)
    for column in range(len(item)):
        if item[column] >= 0:
            own[column], levels[:, column] = category[item[column]], path[item[column]]
            maker[column] = brand[item[column]]
    return own, levels, maker


def _likeness(
    chosen: int, item: Indices, levels: Indices, brand: Indices, vectors: Floats, weights: Reals, near: Reals
) -> None:  # fmt: skip
    """Write how alike a candidate is to each, 0 to 1: shared path levels, brand and cosine, by weights (3,).

    Args:
        chosen: The one.
        item: (C,).
        levels: (L, C) of the category paths, with -1 behind the last; brand (C,).
        vectors: (items, D) of length 1.
        weights: They add up to 1.
        near: (C,) written.
    """
    shared, deep = np.zeros(len(item), np.int32), np.zeros(len(item), np.int32)
    for level in levels:
        for other in range(len(item)):
            shared[other] += level[chosen] >= 0 and level[other] == level[chosen]
            deep[other] += level[chosen] >= 0 or level[other] >= 0
    for other in range(len(item)):
        near[other] = weights[0] * shared[other] / max(deep[other], 1)
    if weights[1] > 0 and brand[chosen] >= 0:
        for other in range(len(item)):
            near[other] += weights[1] * (brand[other] == brand[chosen])
    if weights[2] > 0:
        for other in range(len(item)):
            if item[other] < 0:
                continue
            cosine = 0.0
            for at in range(vectors.shape[1]):
                cosine += vectors[item[chosen], at] * vectors[item[other], at]
            near[other] += weights[2] * min(max(cosine, 0.0), 1.0)


def _take(
    chosen: int, item: Indices, category: Indices, levels: Indices, brand: Indices, vectors: Floats, weights: Reals,
    free: Bools, crowd: Ints, nearest: Reals,
) -> None:  # fmt: skip
    """Take a candidate: it is no longer free, its category is fuller, and what is like it has something near."""
    free[chosen] = False
    own = category[chosen]
    if own >= 0:
        for other in range(len(item)):
            crowd[other] += category[other] == own
    if weights.sum() > 0:
        near = np.empty(len(item))
        likeness(chosen, item, levels, brand, vectors, weights, near)
        for other in range(len(item)):
            nearest[other] = max(nearest[other], near[other])


def _best(value: Reals, free: Bools, crowd: Ints, nearest: Reals, cap: int, weight: float) -> int:
    """The free candidate of the highest marginal relevance whose category is not full, the first of equals; -1: none."""
    found, highest = -1, -np.inf
    for column in range(len(value)):
        if free[column] and crowd[column] < cap:
            worth = (1 - weight) * value[column] - weight * nearest[column]
            if worth > highest:
                found, highest = column, worth
    return found


def _left_to_draw(category: Indices, free: Bools, crowd: Ints, cap: int, wanted: int) -> Ints:
    """The free candidates that may be drawn: whichever are, no category gets too full.

    Where those are fewer than the places that nothing else fills, all free candidates.
    """
    fuller, fits = crowd.copy(), np.zeros(len(category), np.bool_)
    for column in range(len(category)):
        if free[column] and fuller[column] < cap:
            fits[column] = True
            own = category[column]
            if own >= 0:
                for other in range(column + 1, len(category)):
                    fuller[other] += category[other] == own
    if fits.sum() < wanted:
        return np.flatnonzero(free)
    return np.flatnonzero(fits)


def _draw(value: Reals, among: Ints, temperature: float, uniform: float) -> tuple[int, float]:
    """One of these candidates, and the probability that it had: uniform at temperature 0, else by softmax."""
    weight = np.ones(len(among))
    if temperature > 0:
        weight = np.exp((value[among] - value[among].max()) / temperature)
    total, passed = weight.sum(), 0.0
    for at in range(len(among)):
        passed += weight[at]
        if uniform * total < passed or at == len(among) - 1:
            return among[at], weight[at] / total
    return -1, 0.0


def _explore(
    value: Reals, left: Ints, open_: Ints, certain: bool, epsilon: float, temperature: float, uniform: Reals,
    place: Ints, propensity: Reals, explored: Bools,
) -> None:  # fmt: skip
    """Fill or replace each open place from candidates of its own: every n-th of those left, of n open places."""
    strata = min(len(open_), len(left)) if certain else len(open_)
    for at in range(strata):
        among = left[at::strata]
        if len(among) == 0:
            continue
        position, chance = open_[at], 1.0 if certain else epsilon
        if uniform[position, 0] < chance:
            place[position], share = draw(value, among, temperature, uniform[position, 1])
            propensity[position], explored[position] = chance * share, True
        else:
            propensity[position] = 1 - chance


def _close_up(place: Ints, propensity: Reals, explored: Bools) -> None:
    """Move up what stands behind empty places."""
    filled = 0
    for position in range(len(place)):
        if place[position] < 0:
            continue
        if filled < position:
            place[filled], place[position] = place[position], -1
            propensity[filled], propensity[position] = propensity[position], 0.0
            explored[filled], explored[position] = explored[position], False
        filled += 1


def _arrange(
    item: Indices, value: Reals, pinned: Ints, category: Indices, path: Indices, brand: Indices, vectors: Floats,
    weights: Reals, weight: float, cap: int, slots: int, epsilon: float, temperature: float, uniform: Reals,
    place: Ints, propensity: Reals, explored: Bools,
) -> None:  # fmt: skip
    """Write the slates of R requests.

    Args:
        item: (R, C), -1 for none.
        value: (R, C) relevance; -inf for what may not be shown, but for a pin.
        pinned: (R, C) the place of what is pinned and may be shown; -1 for all else.
        category: (items,); so are path (items, L), brand (items,) and vectors (items, D).
        weights: (3,) of the likenesses, which add up to 1; all 0 where nothing asks for likeness.
        weight: What likeness costs.
        cap: Items of one category.
        slots: Places at the end that are drawn.
        epsilon: Chance of any other place to be drawn.
        temperature: Of the softmax; 0: drawn uniformly.
        uniform: (R, K, 2) random numbers in [0, 1).
        place: (R, K) written: the column of each place's candidate; -1 on entry and for none.
        propensity: (R, K) written: probability of this item at this place.
        explored: (R, K) written: whether it was drawn.
    """
    columns, k = item.shape[1], place.shape[1]
    for row in range(len(item)):
        free, crowd, nearest = value[row] > -np.inf, np.zeros(columns, np.int64), np.zeros(columns)
        own, levels, maker = described(item[row], category, path, brand)
        for column in range(columns):
            if 0 <= pinned[row, column] < k:
                place[row, pinned[row, column]], propensity[row, pinned[row, column]] = column, 1.0
                take(column, item[row], own, levels, maker, vectors, weights, free, crowd, nearest)
        open_ = np.flatnonzero(place[row] < 0)
        fixed = open_[open_ < k - slots]
        for position in fixed:
            chosen = best(value[row], free, crowd, nearest, cap, weight)
            if chosen < 0:  # every category is full: better too much of one than nothing
                chosen = best(value[row], free, crowd, nearest, columns + 1, weight)
            if chosen >= 0:
                place[row, position], propensity[row, position] = chosen, 1.0
                take(chosen, item[row], own, levels, maker, vectors, weights, free, crowd, nearest)
        drawn = open_[len(fixed) :] if slots > 0 else fixed[place[row][fixed] >= 0]
        if slots > 0 or epsilon > 0:
            left = left_to_draw(own, free, crowd, cap, len(drawn) if slots > 0 else 0)
            explore(value[row], left, drawn, slots > 0, epsilon, temperature, uniform[row],
                    place[row], propensity[row], explored[row])  # fmt: skip
        close_up(place[row], propensity[row], explored[row])


def _fault(item: Indices, place: Ints, kept: Bools) -> int:
    """Whether slates (R, K) of columns of candidates (R, C) hold what was not kept (1) or an item twice (2); else 0."""
    for row in range(len(place)):
        for position in range(place.shape[1]):
            column = place[row, position]
            if column < 0:
                continue
            if not kept[row, column]:
                return 1
            for other in range(position):
                if place[row, other] >= 0 and item[row, place[row, other]] == item[row, column]:
                    return 2
    return 0


def _count_first(bits: Ints, counted: Ints) -> None:
    """Count, for each row of masks (R, C), those whose lowest bit is the s-th: written to `counted` (R, S)."""
    for row in range(len(bits)):
        for column in range(bits.shape[1]):
            for step in range(counted.shape[1]):
                if bits[row, column] >> step & 1:
                    counted[row, step] += 1
                    break


def _pick(
    item: Indices, score: Floats, sources: Ints, place: Ints, items: Indices, scores: Floats, found_by: Ints
) -> None:
    """Write what stands in these columns (R, K) of candidates (R, C); -1, -inf and 0 where there is none."""
    for row in range(len(place)):
        for position in range(place.shape[1]):
            column = place[row, position]
            if column < 0:
                items[row, position], scores[row, position], found_by[row, position] = -1, -np.inf, 0
            else:
                items[row, position], scores[row, position] = item[row, column], score[row, column]
                found_by[row, position] = sources[row, column]


described = numba.njit(cache=True)(_described)
likeness = numba.njit(cache=True)(_likeness)
take = numba.njit(cache=True)(_take)
best = numba.njit(cache=True)(_best)
left_to_draw = numba.njit(cache=True)(_left_to_draw)
draw = numba.njit(cache=True)(_draw)
explore = numba.njit(cache=True)(_explore)
close_up = numba.njit(cache=True)(_close_up)
arrange = numba.njit(cache=True)(_arrange)
fault = numba.njit(cache=True)(_fault)
count_first = numba.njit(cache=True)(_count_first)
pick = numba.njit(cache=True)(_pick)
