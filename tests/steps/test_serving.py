"""What `slate serve` does once the champions are open."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from ml.steps.serving import EVER, LATELY, YOUNG, settle


class Held:
    """What only a circle of objects holds."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_is_garbage_when_serving_begins_does_not_stay() -> None:
    gc.disable()
    try:
        left = weakref.ref(Held())
        assert left() is not None
        settle()
        assert left() is None
    finally:
        gc.enable()
    assert gc.get_threshold() == (YOUNG, LATELY, EVER)
    assert gc.get_freeze_count() > 10_000
