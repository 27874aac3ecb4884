"""How well the inputs of models predict to which group a person belongs.

A model that reads no protected fact may still know it from what goes with it. A small model is asked to guess the
group from the inputs, each fifth of the people by trees grown on the others, and judged by the AUC of each group
against all others, all groups counting the same (Hand and Till, Machine Learning 2001, one against the rest).

The interval resamples people. An AUC is no mean over people, but near one: each person adds the share of the other
side that stands on the right side of them (DeLong, DeLong and Clarke-Pearson, Biometrics 1988), and these shares are
resampled.
"""

import numpy as np

from ml.data.arrays import Bools, Floats, Ints
from ml.evaluation.arrays import Doubles
from ml.evaluation.fairness.groups import Groups
from ml.evaluation.significance import Interval, intervals, resampled_means

FOLDS = 5
PEOPLE = 5_000  # at most
_TREES = 60
_PARAMETERS = {
    "objective": "multi:softprob", "max_depth": 3, "learning_rate": 0.2, "subsample": 0.8, "min_child_weight": 5,
    "tree_method": "hist",
}  # fmt: skip


def predictability(inputs: Floats, groups: Groups, asked: Bools, *, seed: int, threads: int) -> Interval | None:
    """The AUC of guessing groups from inputs, mean over the groups; None where there are not two to tell apart.

    Args:
        inputs: (N, F) one row a person; NaN: not known.
        groups: Of the same people.
        asked: (G,) which groups are guessed; people of others are left out, as are groups of less than two a fold.
        seed: Of folds, trees and resampling.
        threads: At most this many.
    """
    size = np.bincount(groups.code, minlength=len(groups))
    wanted = np.flatnonzero(asked & (size >= 2 * FOLDS))
    if len(wanted) < 2:
        return None
    rows = np.flatnonzero(np.isin(groups.code, wanted))
    code = np.searchsorted(wanted, groups.code[rows])
    guessed = _guessed(inputs[rows], code, seed=seed, threads=threads)
    shares = np.concatenate([_shares(guessed[:, group], code == group) for group in range(len(wanted))], axis=1)
    drawn = resampled_means(shares, np.arange(len(rows)), seed=seed)
    auc = np.nanmean(shares, axis=0)  # of both sides of each group: the same number twice
    # To first order the AUC moves as its two sides do, one after the other.
    moved = (drawn - auc).reshape(len(drawn), -1, 2).sum(axis=2) + auc[::2]
    return intervals(np.array([auc.mean()]), moved.mean(axis=1, keepdims=True))[0]


def _guessed(inputs: Floats, code: Ints, *, seed: int, threads: int) -> Doubles:
    """(N, G) probabilities of each group, from trees that did not see the person."""
    import xgboost

    groups = int(code.max()) + 1
    fold = _folds(code, np.random.default_rng(seed))
    found = np.empty((len(code), groups))
    for number in range(FOLDS):
        held_out = fold == number
        data = xgboost.DMatrix(inputs[~held_out], code[~held_out], nthread=threads)
        chosen = _PARAMETERS | {"num_class": groups, "seed": seed, "nthread": threads}
        booster = xgboost.train(chosen, data, _TREES)
        found[held_out] = booster.predict(xgboost.DMatrix(inputs[held_out], nthread=threads))
    return found


def _folds(code: Ints, generator: np.random.Generator) -> Ints:
    """(N,) a fold for each person, each group spread over all folds."""
    fold = np.empty(len(code), np.int64)
    for group in np.unique(code):
        own = generator.permutation(np.flatnonzero(code == group))
        fold[own] = np.arange(len(own)) % FOLDS
    return fold


def _shares(guess: Doubles, member: Bools) -> Doubles:
    """(N, 2) of members the share of others whom they are guessed above, of others that of members below; else NaN."""
    found = np.full((len(guess), 2), np.nan)
    found[member, 0] = _below(guess[member], guess[~member])
    found[~member, 1] = 1 - _below(guess[~member], guess[member])
    return found


def _below(guess: Doubles, others: Doubles) -> Doubles:
    """(N,) the share of the others that lies below, a tie counting half."""
    ordered = np.sort(others)
    below, not_above = np.searchsorted(ordered, guess, side="left"), np.searchsorted(ordered, guess, side="right")
    shares: Doubles = (below + not_above) / (2 * len(ordered))
    return shares
