"""Features at any instant from what users did: the same declarations as the dbt marts, computed when they are asked for.

`Evaluator.users` needs nothing but the users' own traces; `ml.features.item_evaluation` needs those of everybody. Both
agree with the marts at the instants that these hold (`slate parity`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml.data.arrays import Bools, Floats, Indices, Ints
from ml.errors import BadInput
from ml.features.declarations import KNOWN_USER, Declarations, Entity
from ml.features.programs import Program, Values, at_mart
from ml.features.trace import Trace
from ml.features.trace_kernels import aggregate, derive, grouped

HOUR_US = 3_600_000_000
USER, USER_ITEM, USER_CATEGORY, ITEM = "user_features", "user_item_features", "user_category_features", "item_features"
KEYS = {
    USER: ("user_id",),
    USER_ITEM: ("user_id", "item_id"),
    USER_CATEGORY: ("user_id", "category"),
    ITEM: ("item_id",),
}


@dataclass(frozen=True)
class UserFeatures:
    """The features of R users, each at a moment of its own; NaN where a feature says nothing.

    Row r's pairs are `pair_item[pair_offsets[r]:pair_offsets[r + 1]]`, ascending, and so are its categories.
    """

    user: Floats  # (R, F) all NaN for a user without any event that user features are made from
    pair_offsets: Ints  # (R + 1,)
    pair_item: Indices  # (P,)
    pair_values: Floats  # (P, F2)
    category_offsets: Ints  # (R + 1,)
    category: Indices  # (C,) some may be beyond a snapshot's categories: no item of the catalogue is of them any more
    category_values: Floats  # (C, F3)


@dataclass(frozen=True)
class Evaluator:
    """The programs of all entities; make one with `of`, once, and use it from any thread."""

    programs: Mapping[str, Program]  # by mart
    names: Mapping[str, tuple[str, ...]]  # by mart: the columns, in the order in which they are answered
    parents: Mapping[str, Program]  # by entity: what items' features are made of beside the items' own events
    kinds: tuple[str, ...]
    day_shift: int  # microseconds from midnight UTC to where the source's day begins

    @classmethod
    def of(
        cls, declarations: Declarations, kinds: Sequence[str], day_starts_at_hour: int,
        features: Mapping[str, Sequence[str]],
    ) -> "Evaluator":  # fmt: skip
        """Make ready to compute features.

        Args:
            declarations: Of all entities.
            kinds: The event types, as the traces number them.
            day_starts_at_hour: Hour (UTC) at which the source's day begins.
            features: The names wanted of each mart, in order, such as `Bundle.features`; none of one that is left out.

        Raises:
            BadInput: A feature is made of what traces do not tell.
        """
        entities = {mart: at_mart(declarations, mart) for mart in KEYS}
        names = {mart: tuple(features.get(mart, ())) for mart in KEYS}
        programs = {mart: Program.of(entities[mart], names[mart], kinds) for mart in KEYS}
        for mart, program in programs.items():
            _check(mart, program)
        also = [name for mart in (USER_ITEM, USER_CATEGORY) for name in programs[mart].foreign.get("user", ())]
        programs[USER] = Program.of(entities[USER], [*names[USER], *also], kinds)
        foreign = programs[ITEM].foreign
        parents = {name: Program.of(declarations[name], parts, kinds) for name, parts in foreign.items()}
        for name in parents:
            _check_everybody(name, declarations[name])
        return cls(programs, names, parents, tuple(kinds), day_starts_at_hour * HOUR_US)

    def users(self, trace: Trace, moment: Ints) -> UserFeatures:
        """The features of R known users, each as of just before a moment (R,), from their own traces alone."""
        moment = np.asarray(moment, np.int64)
        stops, program = trace.stops(moment), self.programs[USER]
        own, there = self.added(program, trace, stops, moment, trace.rows.astype(np.int32), len(trace))
        derive(own, program.steps, program.scale)
        own[~there] = np.nan
        pairs = self._of_users(USER_ITEM, trace.item, trace, stops, moment, own)
        categories = self._of_users(USER_CATEGORY, trace.category, trace, stops, moment, own)
        return UserFeatures(program.columns(own, self.names[USER]), *pairs, *categories)

    def _of_users(
        self, mart: str, key: Indices, trace: Trace, stops: Ints, moment: Ints, own: Values
    ) -> tuple[Ints, Indices, Floats]:
        """Offsets (R + 1,), keys (G,) and features (G, F) of what the users have features with."""
        program = self.programs[mart]
        group, offsets, keys = grouped(trace.offsets, stops, key, trace.kind, program.kinds)
        found, _ = self.added(program, trace, stops, moment, group, len(keys))
        row = np.repeat(np.arange(len(trace)), np.diff(offsets))
        for name in program.foreign.get("user", ()):
            found[:, program.slots[f"user.{name}"]] = single(own[:, self.programs[USER].slots[name]])[row]
        derive(found, program.steps, program.scale)
        return offsets, keys, program.columns(found, self.names[mart])

    def added(
        self, program: Program, trace: Trace, stops: Ints, moment: Ints, group: Indices, groups: int,
        onto: tuple[Values, Bools] | None = None, rows: slice = slice(None),
    ) -> tuple[Values, Bools]:  # fmt: skip
        """Add the events before each row's stop up, by group.

        Args:
            program: What is added up.
            trace: Whose events.
            stops: (R,) position where each row's events end.
            moment: (R,) the instant at which each row's events are looked at.
            group: (N,) group of each event; -1: none.
            groups: How many there are.
            onto: What was added up before; default: nothing.
            rows: Whose events are added, from one row to another; default: everybody's.

        Returns:
            (G, S) values, (G,) whether any event leaves a trace in the group.
        """
        values, there = onto or (program.blank(groups), np.zeros(groups, bool))
        first, stop, _ = rows.indices(len(trace))
        aggregate(
            trace.offsets[first : stop + 1], stops[rows], moment[rows], group, trace.at, trace.kind, trace.value, trace.quantity, trace.seconds,
            trace.discount, trace.place, trace.category, trace.brand, trace.opens_session, trace.opens_pair,
            trace.promoted, trace.private_brand, program.kinds, program.starts, program.members, program.ops,
            program.half_life, self.day_shift, values, there,
        )  # fmt: skip
        return values, there


def single(values: Values) -> Values:
    """The values as the marts hold them for others to be made of: in single precision."""
    found: Values = values.astype(np.float32).astype(np.float64)
    return found


def _check(mart: str, program: Program) -> None:
    """Users' features may be made of users' features, items' of anything that everybody's events tell."""
    if program.entity.keys != KEYS[mart]:
        raise BadInput(f"the entity of {mart} has the keys {program.entity.keys}: serving knows it by {KEYS[mart]}")
    allowed = {USER: set(), ITEM: {"category", "brand"}}.get(mart, {"user"})
    if strange := sorted(set(program.foreign) - allowed):
        raise BadInput(f"{mart} has features made of {strange[0]}'s: serving cannot compute these from traces")
    if mart == ITEM:
        _check_everybody(mart, program.entity)


def _check_everybody(name: str, entity: Entity) -> None:
    if KNOWN_USER in entity.requires:
        raise BadInput(f"{name} requires {KNOWN_USER}, but what is not of users counts everybody: leave it out")
