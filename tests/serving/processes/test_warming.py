"""Nobody waits for a compiler: whatever is asked of a process, its kernels were compiled before it answered anybody."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from answering import NAMES
from little_home import forget_what_happened
from slate_server import PROJECT

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")]
ASKING = Path(__file__).with_name("compiled_late.py")


def test_no_kernel_is_compiled_once_somebody_asks(home):
    forget_what_happened(home)
    environment = os.environ | {"SLATE_HOME": str(home), "SLATE_THREADS": "1", "PYTHONPATH": str(PROJECT)}
    done = subprocess.run([sys.executable, str(ASKING)], capture_output=True, env=environment, cwd=PROJECT, check=False)
    assert done.returncode == 0, done.stderr.decode()[-3_000:]
    told = json.loads(done.stdout)
    assert told.keys() == NAMES.keys()
    for domain in told.values():
        assert domain["kernels"] > 20
        assert domain["degraded"] is None
        assert domain["late"] == []
