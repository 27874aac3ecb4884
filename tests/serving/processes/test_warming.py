"""Nobody waits for a compiler: whatever is asked of a process, its kernels were compiled before it answered anybody."""

from pathlib import Path

import pytest
from answering import NAMES
from little_home import forget_what_happened
from slate_server import printed

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")]
ASKING = Path(__file__).with_name("compiled_late.py")


def test_no_kernel_is_compiled_once_somebody_asks(home):
    forget_what_happened(home)
    told = printed(ASKING, home)
    assert told.keys() == NAMES.keys()
    for domain in told.values():
        assert domain["kernels"] > 20
        assert domain["degraded"] is None
        assert domain["late"] == []
