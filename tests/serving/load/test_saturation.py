from hypothesis import given
from hypothesis import strategies as st

from ml.serving.load.saturation import find_saturation


@given(limit=st.floats(1, 50_000), start=st.floats(1, 1_000))
def test_it_finds_what_holds_from_anywhere(limit, start):
    tried = []

    def holds(rate: float) -> bool:
        tried.append(rate)
        return rate <= limit

    found = find_saturation(holds, start=start, highest=20_000, precision=0.05)
    assert found <= min(limit, 20_000)
    assert found >= min(limit, 20_000) / 1.05 * 0.999
    assert max(tried) <= 20_000
    assert len(tried) < 40


def test_what_holds_nothing_is_nothing():
    tried = []
    assert find_saturation(lambda rate: bool(tried.append(rate)), start=64, highest=1_000, least=1) == 0
    assert min(tried) == 1
