"""Early interest, measured: of those who later ask for an item, which share was on its list before they showed interest."""

from dataclasses import dataclass
from time import process_time
from typing import Any

import numpy as np

from ml.campaigns.draws import stable_draws
from ml.campaigns.interest import Outlook, outcome, outlooks_before
from ml.campaigns.listing import Roll, call_roll, likeliest
from ml.campaigns.propensity import Propensity, fit_classifiers
from ml.campaigns.segments import SegmentRates
from ml.data.arrays import Bools, Floats, Ints, Reals
from ml.data.dataset import Dataset, load_dataset, requests_for
from ml.data.windows import from_micros, to_micros
from ml.domains import get_domain
from ml.errors import BadInput, RunFailed
from ml.evaluation.arrays import Doubles
from ml.evaluation.significance import intervals, means, resampled_means
from ml.logs import progress
from ml.reranking.eligibility import ItemsSeen
from ml.retrieval.classifiers.rows import known_users
from ml.retrieval.contract import State
from ml.settings import settings
from ml.steps.training_features import current_features

SHARES = (0.01, 0.02, 0.05, 0.10)
LISTS = ("slate", "segments")


@dataclass(frozen=True)
class Found:
    """The N early askings of one item after one outlook, and the lists of that moment."""

    user: Ints  # (N,)
    granted: Bools  # (N,)
    listed: dict[str, Bools]  # (N, shares) by list
    lengths: Ints  # (shares,) users of each list
    users: int  # whom one could have been the first to tell


def bench_early_interest(domain: str, *, seed: int = 7) -> dict[str, Any]:
    """Make the lists of every item at the start of every cadence of the test window, and see who asks.

    Models learn from what had ended before the test window. An asking counts where the user lacked the item and gave
    no sign of interest in it for `Campaigns.quiet_days` before the list was made, gave the first one within a cadence,
    and asked within the horizon: features are cut before that first sign. Nobody is left out of what is to be found;
    who breaks a rule or was contacted lately is just never on a list. Items and months are pooled: every asking
    counts once.

    Args:
        domain: Whose current features are measured; it must declare campaigns.
        seed: Of the models, of equal scores and of the resampling (whole users, 2,000 times).

    Returns:
        `rows`, one a share: `own_share` of users that the lists hold, and for `slate` and `segments` the share of
        askings `found` and of those granted, `lift` over the own share, and `over_segments`, each with its 95%
        interval; `askings`, `granted`, `lists`, `items` (by item at the largest share), `cpu_seconds`.

    Raises:
        BadInput: The domain declares no campaigns.
        RunFailed: Nobody asked early within the test window.
    """
    if not get_domain(domain).campaigns.asked:
        raise BadInput(f"{domain} declares no campaigns: say in its `campaigns` by which events users ask")
    clock, dataset = process_time(), load_dataset(current_features(domain))
    windows = dataset.windows
    before, t3 = outlooks_before(dataset, windows.t3), to_micros(windows.t3)
    classifiers = fit_classifiers(dataset.before(t3), before, seed=seed, threads=settings().threads)
    segments = SegmentRates.fit(dataset, before)
    tested = Outlook.each(windows, dataset.domain.campaigns, windows.t3, windows.as_of)
    found: list[tuple[int, Found]] = []
    for at in progress(tested, "early interest"):
        models: dict[str, Propensity] = {
            "slate": classifiers.refresh(State(dataset.before(at.moment), at.moment)), "segments": segments,
        }  # fmt: skip
        found += list(enumerate(_lists(dataset, at, models, seed)))
    if not sum(len(each.user) for _, each in found):
        raise RunFailed(
            f"nobody asked for an item early from {windows.t3} to {windows.as_of}: there is nothing to find"
        )
    dates = [f"{from_micros(at.moment):%Y-%m-%d}" for at in tested]
    return {"domain": domain, "lists": dates, **_measured(found, dataset, seed), "cpu_seconds": process_time() - clock}


def _lists(dataset: Dataset, at: Outlook, models: dict[str, Propensity], seed: int) -> list[Found]:
    """The lists of one moment, an item each, and who asked after it."""
    user = np.flatnonzero(known_users(dataset, at.moment)).astype(np.int32)
    requests = dataset.told(requests_for(dataset.log, user, np.full(len(user), at.moment, np.int64)))
    items, log = ItemsSeen.of(dataset.catalogue, dataset.item_facts), dataset.log
    came = outcome(dataset.knowledge.occurrences, dataset.domain.campaigns, at, log.users, log.items)
    scores = {name: model.score(requests) for name, model in models.items()}
    found = []
    for item in range(log.items):
        roll = call_roll(dataset.domain, requests, items, item)
        draws = stable_draws(dataset.users.ids[user], "order", seed, dataset.items.ids[item])
        asked = np.flatnonzero(came.asked[user, item] & roll.first_to_tell)
        listed = {name: _on_lists(score[:, item], roll, draws)[asked] for name, score in scores.items()}
        lengths = np.array([round(share * int(roll.may.sum())) for share in SHARES])
        granted = came.granted[user[asked], item]
        found.append(Found(user[asked].astype(np.int64), granted, listed, lengths, int(roll.first_to_tell.sum())))
    return found


def _on_lists(score: Floats, roll: Roll, draws: Reals) -> Bools:
    """(R, shares) who is on the list of each share."""
    on = np.zeros((len(score), len(SHARES)), bool)
    for place, share in enumerate(SHARES):
        on[likeliest(score, roll.may, share, draws), place] = True
    return on


def _measured(found: list[tuple[int, Found]], dataset: Dataset, seed: int) -> dict[str, Any]:
    parts = [each for _, each in found]
    user, granted = (np.concatenate([getattr(each, name) for each in parts]) for name in ("user", "granted"))
    lengths, users = np.sum([each.lengths for each in parts], axis=0), sum(each.users for each in parts)
    listed = {name: np.concatenate([each.listed[name] for each in parts]) for name in LISTS}
    rows = [
        {"share": share, "own_share": lengths[place] / users}
        | _row({name: on[:, place] for name, on in listed.items()}, granted, user, lengths[place] / users, seed)
        for place, share in enumerate(SHARES)
    ]
    return {
        "rows": rows, "askings": len(user), "granted": int(granted.sum()), "users_and_items": users,
        "items": _by_item(found, dataset),
    }  # fmt: skip


def _row(listed: dict[str, Bools], granted: Bools, user: Ints, own: float, seed: int) -> dict[str, Any]:
    """Shares found with their intervals: users are resampled, the same ones for every column."""
    columns = [listed[name].astype(np.float64) for name in LISTS]
    columns += [np.where(granted, column, np.nan) for column in columns]
    values = np.stack(columns, axis=1)  # (N, 2 lists, then 2 lists among the granted)
    mean, drawn = means(values)[None], resampled_means(values, user, seed=seed)
    ratios = [_over(at, own) for at in (mean, drawn)]
    shares = dict(
        zip(("slate", "segments", "slate_granted", "segments_granted"), intervals(mean[0], drawn), strict=True)
    )
    lifts = dict(zip(("lift", "over_segments"), intervals(ratios[0][0], ratios[1]), strict=True))
    return {name: interval.as_dict() for name, interval in (shares | lifts).items()}


def _over(shares: Doubles, own: float) -> Doubles:
    """(D, 2) what the first list finds over its own share of users, and over what the second finds."""
    slate, segments = shares[:, 0], shares[:, 1]
    lift = slate / own if own else np.full_like(slate, np.nan)
    return np.stack([lift, np.where(segments > 0, slate / np.where(segments > 0, segments, 1), np.nan)], axis=1)


def _by_item(found: list[tuple[int, Found]], dataset: Dataset) -> list[dict[str, Any]]:
    """Askings and what the longest list found of them, an item a row, those asked for most first."""
    rows = []
    for item in sorted({item for item, _ in found}):
        parts = [each for at, each in found if at == item]
        on = {name: np.concatenate([each.listed[name][:, -1] for each in parts]) for name in LISTS}
        if len(on["slate"]):
            shares = {name: float(there.mean()) for name, there in on.items()}
            rows.append({"item_id": str(dataset.items.ids[item]), "askings": len(on["slate"]), **shares})
    return sorted(rows, key=lambda row: (-row["askings"], row["item_id"]))
