"""What retrievers found, put in its place in a row of candidates."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ml.serving.engine.placing_kernel import place, place_all

ITEMS = st.lists(st.integers(0, 30), unique=True, max_size=12)


@given(found=ITEMS, left_out=ITEMS, start=st.integers(0, 3), width=st.integers(0, 8), row=st.integers(0, 1))
def test_the_best_that_are_not_left_out_stand_in_their_order(found, left_out, start, width, row):
    item, score = np.array(found, np.int32), -np.arange(len(found), dtype=np.float32)
    to_item, to_score = np.full((2, 12), -1, np.int32), np.full((2, 12), -np.inf, np.float32)
    exclude = np.array(sorted(left_out), np.int32)
    count = place(item, score, exclude, to_item, to_score, row, start, start + width)
    kept = [at for at, each in enumerate(found) if each not in left_out][:width]
    assert count == len(kept)
    assert to_item[row, start : start + count].tolist() == [found[at] for at in kept]
    assert to_score[row, start : start + count].tolist() == [-float(at) for at in kept]
    to_item[row, start : start + count] = -1
    to_score[row, start : start + count] = -np.inf
    assert (to_item == -1).all()
    assert (to_score == -np.inf).all()


@given(found=st.lists(ITEMS, max_size=4), left_out=ITEMS, widths=st.lists(st.integers(0, 5), min_size=4, max_size=4))
def test_what_stands_one_behind_the_other_is_placed_as_each_by_itself(found, left_out, widths):
    ends = np.cumsum([len(each) + 1 for each in found]).astype(np.int64)  # -1 behind the last of each
    item = np.array([one for each in found for one in (*each, -1)], np.int32)
    score, exclude = -np.arange(len(item), dtype=np.float32), np.array(sorted(left_out), np.int32)
    stop = np.cumsum(widths)[: len(found)].astype(np.int64)
    start = stop - np.array(widths[: len(found)], np.int64)
    together, apart = [(np.full((1, 20), -1, np.int32), np.full((1, 20), -np.inf, np.float32)) for _ in range(2)]
    short = place_all(item, score, ends, exclude, *together, 0, start, stop)
    for at, (begin, end) in enumerate(zip([0, *ends], ends, strict=False)):
        count = place(item[begin:end], score[begin:end], exclude, *apart, 0, start[at], stop[at])
        assert bool(short >> at & 1) == (count < stop[at] - start[at])
    for each, expected in zip(together, apart, strict=True):
        np.testing.assert_array_equal(each, expected)
