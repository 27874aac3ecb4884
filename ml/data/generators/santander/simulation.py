"""One block of customers, month by month."""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.data.arrays import Bools, Ints
from ml.data.generators.santander import adoption, branches, ceiling, needs, sessions
from ml.data.generators.santander.catalogue import COUNT
from ml.data.generators.santander.finances import Finances
from ml.data.generators.santander.history import History
from ml.data.generators.santander.population import Population
from ml.data.generators.santander.randomness import Streams, choose
from ml.data.generators.santander.stages import draw_stages, move_on


@dataclass(frozen=True)
class Month:
    """What happened to N customers between the last snapshot and this one.

    Attributes:
        present: Who has a snapshot, (N,).
        held: Products in it, (N, 24).
        applied: What was applied for in this month, and became of it.
        contacted, contact_channel: Product (-1 for none) and channel of the month's contact, (N,).
        branch_visits: (N,).
        chances: The ceiling's probabilities of additions in the next month, (N, 24).
    """

    month: int
    present: Bools
    held: Bools
    applied: adoption.Pursuits
    finances: Finances
    contacted: Ints
    contact_channel: Ints
    views: sessions.Views
    branch_visits: Ints
    chances: NDArray[np.float64]


class Simulation:
    """The hidden and the observed state of one block of customers."""

    def __init__(self, population: Population, streams: Streams) -> None:
        size = len(population)
        self.population = population
        self._streams = streams
        self._history = History.empty(size, COUNT)
        self._finances = Finances.at_start(streams.finances, population)
        self._stage = draw_stages(streams.needs, population.age_group)
        self._belief = ceiling.first_belief(population.age_group)
        self._pursuits = adoption.Pursuits(np.full(size, adoption.NONE), np.zeros(size, int), self._history.held)

    def run(self, months: int) -> Iterator[Month]:
        """The months, in order."""
        for month in range(months):
            yield self._advance(month)

    def _advance(self, month: int) -> Month:
        population, random = self.population, self._streams
        present, applied = population.present(month), self._pursuits
        self._settle(month, present)
        held = self._history.held
        self._finances.advance(random.finances, held)
        possible = needs.possible(population, held, month)
        contacted, channel = branches.contact(random.contacts, population, possible)
        seen = needs.Observables(population, self._history, contacted)
        rate = needs.rates(seen, month)
        need = choose(random.needs, needs.of_stage(rate, self._stage))
        views, visits, signs = self._signs(month, need, present)
        together = ceiling.joint(self._belief, needs.probabilities(rate), signs)
        refused = adoption.refusal(population, self._finances)
        chances = ceiling.additions(together, adoption.approval(refused), held)
        self._pursuits = adoption.pursue(random.adoption, need, held, refused)
        self._belief = ceiling.learn(together, self._pursuits.product, present)
        self._stage = move_on(random.needs, self._stage, present)
        finances = copy(self._finances)
        return Month(month, present, held, applied, finances, contacted, channel, views, visits, chances)

    def _settle(self, month: int, present: Bools) -> None:
        """Take in what was added and dropped, and those who are new."""
        population, held = self.population, self._history.held
        dropped = adoption.drop(self._streams.adoption, held, population.age(month))
        first = present & (population.joined == month)
        held = np.where(first[:, None], population.held_at_first, (held & ~dropped) | self._pursuits.added)
        self._history.advance(held & present[:, None])
        if month == 0:
            self._history.forget(first)

    def _signs(self, month: int, need: Ints, present: Bools) -> tuple[sessions.Views, Ints, NDArray[np.float64]]:
        """The month's sessions and branch visits, and what they say about the need."""
        random, held, engagement = self._streams.sessions, self._history.held, self.population.engagement
        sessions_expected = sessions.expected_sessions(engagement, present)
        visits_expected = branches.expected_visits(engagement, present)
        views = sessions.visit(random, month, need, held, sessions_expected)
        visits = branches.come(random, need, visits_expected)
        signs = sessions.log_likelihood(views, held, sessions_expected)
        return views, visits, signs + branches.log_likelihood(visits, visits_expected)
