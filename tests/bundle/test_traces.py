"""A bundle holds everybody's traces, and they are worth what its sealed snapshot says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.bundle.bundle import Bundle
from ml.data.windows import to_micros
from ml.errors import RunFailed
from ml.features.declarations import load_declarations
from ml.features.evaluator import Evaluator
from ml.features.item_evaluation import item_features


def test_sealed_traces_are_worth_the_sealed_snapshot(bundle: Bundle, parts) -> None:
    log, snapshot = bundle.traces, bundle.snapshot
    evaluator = Evaluator.of(load_declarations(), log.trace.kinds, 5, bundle.features)
    found = evaluator.users(log.of(np.arange(log.users)), np.full(log.users, snapshot.as_of))
    np.testing.assert_array_equal(found.user, snapshot.user)
    rows = np.repeat(np.arange(log.users), np.diff(found.pair_offsets))
    np.testing.assert_array_equal(rows * snapshot.user_item.width + found.pair_item, snapshot.user_item.keys)
    np.testing.assert_array_equal(found.pair_values, snapshot.user_item.values)
    np.testing.assert_array_equal(found.category_values, snapshot.user_category.values)
    np.testing.assert_array_equal(item_features(evaluator, log, snapshot.as_of), snapshot.item)
    assert snapshot.as_of == to_micros(parts.dataset.windows.as_of)


def test_events_are_numbered_as_in_the_sealed_log(bundle: Bundle) -> None:
    trace = bundle.traces.trace
    for name in ("item", "at", "kind", "place"):
        mine, theirs = (
            np.lexsort((each.item, each.at, user))
            for each, user in ((trace, trace.rows), (bundle.log, bundle.log.user))
        )
        np.testing.assert_array_equal(getattr(trace, name)[mine], getattr(bundle.log, name)[theirs])


def test_a_bundle_sealed_without_traces_opens_and_says_what_is_missing_when_asked(
    bundle: Bundle, tmp_path: Path
) -> None:
    older = replace(bundle, path=tmp_path)
    assert len(older.items) == len(bundle.items)
    with pytest.raises(RunFailed, match="without its users' traces, which serving needs: publish again"):
        _ = older.traces
