"""What becomes of a catalogue whose recommender learns from what it showed itself: a simulated shop, retrained in turns.

People choose from what they are shown, the recommender learns from the choices, shows more of the same, and exposure
gathers on few items (Chaney, Stewart and Engelhardt, RecSys 2018; Mansoury et al., CIKM 2020). The retrievers and the
exploration are the repository's own; the people are made up:

- User u has a taste z_u, item i a character v_i: vectors of length 1 around planted centres, the same for both.
- Of a slate a person examines place p with probability p^-0.5, independently of the others.
- Of the examined items and going away they take one, by a multinomial logit (McFadden 1974): the utility of item i is
  `sharpness` * z_u·v_i + q_i, q_i ~ N(0, `quality`²) being the same for all, that of going away is `outside`.

Before the first training everybody chooses from random menus, in which items stand as often as a Zipf law says. Then in
each round popularity and item-to-item learn from all choices so far, every user makes some visits, and the slates'
best items are shown: by the ranking alone, or with places drawn by chance.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ml.data.arrays import Bools, Floats, Indices, Ints, Ragged
from ml.data.dataset import Log
from ml.data.facts import DAY_US, FactTable
from ml.data.requests import Requests
from ml.domains.reranking import Exploration, Reranking
from ml.evaluation.arrays import Doubles
from ml.evaluation.beyond_accuracy import coverage, gini
from ml.reranking.catalogue import Catalogue
from ml.reranking.choice import Choice
from ml.reranking.past import Intervals
from ml.reranking.pool import Pool
from ml.reranking.reranker import rerank
from ml.retrieval.item_to_item import ItemToItem, ItemToItemParameters, session_items, similarities
from ml.retrieval.popularity import Popularity, PopularityParameters

MEASURES = ("gini", "coverage", "top_share", "ranked_gini", "ranked_coverage", "chosen")
TOP = 0.01  # of the catalogue
DRAWN = 2  # places at the end of a slate that exploration draws


@dataclass(frozen=True)
class Shop:
    """Sizes and temper of the simulated shop."""

    users: int = 400
    items: int = 400
    centres: int = 12
    dimensions: int = 8
    spread: float = 0.6  # of a vector around its centre
    sharpness: float = 4.0
    quality: float = 0.5
    outside: float = 2.0
    places: int = 10  # more than are drawn
    visits: int = 5  # of each user in a round
    menus: int = 10  # that each user chose from before the first training
    rounds: int = 5


@dataclass(frozen=True)
class _People:
    """The truth that no model sees: (users, items) utilities."""

    utility: Floats


def simulate(shop: Shop, exploration: Exploration, seed: int) -> Doubles:
    """(rounds, 6) what was shown and chosen in each round, columns as in `MEASURES`; the same seed, the same people.

    gini: inequality of exposure over the catalogue. coverage: share of the catalogue that was shown at all. top_share:
    share of exposure that went to the most shown hundredth of the catalogue. ranked_gini, ranked_coverage: the same of
    the places that no policy draws, so that they tell what the models learnt. chosen: share of slates from which
    somebody took something.
    """
    rng = np.random.default_rng(seed)
    people = _people(shop, rng)
    log = _before(shop, people, rng)
    found = []
    for turn in range(1, shop.rounds + 1):
        shown = _slates(shop, log, exploration, turn)
        chosen = choices(people.utility, np.repeat(np.arange(shop.users), shop.visits), shown, shop.outside, rng)
        ranked = concentration(shown[:, : shop.places - DRAWN], shop.items)[:2]
        found.append([*concentration(shown, shop.items), *ranked, float(np.mean(chosen >= 0))])
        log = _with(shop, log, shown, chosen, turn)
    return np.array(found)


def concentration(shown: Indices, items: int) -> tuple[float, float, float]:
    """Gini of exposure, coverage, and the share of the most shown hundredth, of slates (S, K)."""
    counts = np.sort(np.bincount(shown[shown >= 0], minlength=items))
    top = max(1, round(items * TOP))
    return gini(shown, items), coverage(shown, items), float(counts[-top:].sum() / counts.sum())


def choices(utility: Floats, user: Ints, shown: Indices, outside: float, rng: np.random.Generator) -> Indices:
    """(S,) the place that was chosen in each slate (S, K), -1 for none: logit among what was examined.

    The largest of utilities with Gumbel noise each is a draw from the logit.
    """
    place = np.arange(1, shown.shape[1] + 1)
    examined = (rng.random(shown.shape) < place**-0.5) & (shown >= 0)
    noisy = utility[user[:, None], np.maximum(shown, 0)] + rng.gumbel(size=shown.shape)
    noisy = np.where(examined, noisy, -np.inf)
    best = noisy.argmax(axis=1).astype(np.int32)
    stays = noisy.max(axis=1) > outside + rng.gumbel(size=len(shown))
    return np.where(stays, best, np.int32(-1))


def _people(shop: Shop, rng: np.random.Generator) -> _People:
    centres = rng.normal(size=(shop.centres, shop.dimensions))
    taste, character = (_around(centres, count, shop.spread, rng) for count in (shop.users, shop.items))
    quality = rng.normal(0, shop.quality, shop.items)
    return _People((shop.sharpness * taste @ character.T + quality).astype(np.float32))


def _around(centres: Doubles, count: int, spread: float, rng: np.random.Generator) -> Doubles:
    """(count, D) vectors of length 1, each near a centre."""
    vectors = centres[rng.integers(0, len(centres), count)]
    vectors = vectors + spread * rng.normal(size=vectors.shape)
    unit: Doubles = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _before(shop: Shop, people: _People, rng: np.random.Generator) -> Log:
    """Choices from random menus: nobody recommended anything yet."""
    share = 1 / np.arange(1, shop.items + 1) ** 0.7
    keys = np.log(share) + rng.gumbel(size=(shop.users * shop.menus, shop.items))  # sampling without replacement
    menus = np.argpartition(-keys, shop.places, axis=1)[:, : shop.places].astype(np.int32)
    user = np.repeat(np.arange(shop.users), shop.menus)
    chosen = choices(people.utility, user, menus, shop.outside, rng)
    nothing = np.zeros(0, np.int32)
    return _with(replace(shop, visits=shop.menus), _log(shop, nothing, nothing, nothing), menus, chosen, 0)


def _with(shop: Shop, log: Log, shown: Indices, chosen: Indices, turn: int) -> Log:
    """The log with the choices of a round: each user's are one session."""
    taken = np.flatnonzero(chosen >= 0)
    user = (taken // shop.visits).astype(np.int32)
    item = shown[taken, chosen[taken]]
    at = np.full(len(taken), turn, np.int32)
    old = (log.at // DAY_US).astype(np.int32)
    return _log(shop, np.r_[log.user, user], np.r_[log.item, item], np.r_[old, at])


def _log(shop: Shop, user: Indices, item: Indices, turn: Indices) -> Log:
    """Events, a round a day, ordered by user, then round."""
    order = np.lexsort((turn, user))
    user, item, turn = user[order], item[order], turn[order]
    weight, count = np.ones(len(user), np.float32), len(user)
    session = (user * (shop.rounds + 1) + turn).astype(np.int32)
    return Log(
        user=user, item=item, at=turn.astype(np.int64) * DAY_US, session=session, place=np.full(count, -1, np.int32),
        weight=weight, value=weight, target=np.ones(count, bool), users=shop.users, items=shop.items,
    )  # fmt: skip


def _slates(shop: Shop, log: Log, exploration: Exploration, turn: int) -> Indices:
    """(users * visits, K) what each visit shows, after a training on the log."""
    requests = _requests(shop, log, turn)
    pool = _pool(_scores(log, requests, turn))
    rows = np.repeat(np.arange(shop.users), shop.visits)
    visit = np.tile(np.arange(shop.visits), shop.users)
    asked = replace(requests.take(rows), moment=turn * DAY_US + visit.astype(np.int64))
    pool = Pool(pool.item[rows], pool.score[rows], pool.sources[rows])
    allowed: Bools = np.ones(pool.item.shape, bool)
    policy, catalogue = Reranking(exploration=exploration), _catalogue(shop.items)
    return rerank(policy, pool, allowed, catalogue, Intervals.none(), asked, Choice(), shop.places).item


def _requests(shop: Shop, log: Log, turn: int) -> Requests:
    everybody = np.arange(shop.users, dtype=np.int32)
    moment, nowhere = np.full(shop.users, turn * DAY_US, np.int64), np.full(shop.users, -1, np.int32)
    return Requests(everybody, moment, nowhere, log.history(), Ragged.empty(shop.users))


def _scores(log: Log, requests: Requests, turn: int) -> Floats:
    """(users, items) item-to-item and half as much popularity, each over its own best."""
    alike = ItemToItemParameters(shrinkage=5)
    by_item = ItemToItem(alike, similarities(session_items(log), alike)).score(requests)
    popular = Popularity.count(log, turn * DAY_US, 0, PopularityParameters()).score(requests)
    return _normalised(by_item) + np.float32(0.5) * _normalised(popular)


def _normalised(scores: Floats) -> Floats:
    known = np.where(np.isfinite(scores), scores, np.float32(0))
    best = known.max(axis=1, keepdims=True)
    shares: Floats = np.divide(known, best, out=np.zeros_like(known), where=best > 0)
    return shares


def _pool(scores: Floats) -> Pool:
    """The whole catalogue, best first: a shop of this size ranks all that it has."""
    item = np.argsort(-scores, axis=1, kind="stable").astype(np.int32)
    return Pool(item, np.take_along_axis(scores, item, 1), np.zeros(item.shape, np.int64))


def _catalogue(items: int) -> Catalogue:
    return Catalogue.of(pd.DataFrame({"item_id": [f"i{item}" for item in range(items)]}), FactTable.none())


def arms() -> dict[str, Exploration]:
    """The policies that are compared: without chance, and with the last two places drawn uniformly."""
    return {"without": Exploration(), "with": Exploration(slots=DRAWN)}
