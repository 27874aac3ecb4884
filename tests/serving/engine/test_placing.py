"""What retrievers found, put in its place in a row of candidates."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ml.serving.engine.placing_kernel import place

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
