"""A line of the log says again what was written."""

import pytest
from happenings import EVENTS
from hypothesis import given
from hypothesis import strategies as st

from ml.errors import RunFailed
from ml.serving.online.records import Erase, ForgetErased, ItemTold, Purged, line_of, record_of

TEXT = st.text(st.characters(codec="utf-8"))
RECORDS = st.one_of(
    EVENTS,
    st.builds(Erase, TEXT),
    st.builds(ForgetErased, st.lists(TEXT).map(tuple)),
    st.builds(ItemTold, TEXT, TEXT.map(str.encode)),
    st.builds(Purged),
)


@given(RECORDS)
def test_a_record_is_one_line_and_back(record):
    line = line_of(record)
    assert b"\n" not in line
    assert record_of(line) == record


def test_a_note_of_a_later_version_is_named():
    with pytest.raises(RunFailed, match="'merge', which this version"):
        record_of(b'{"note":"merge"}')
