"""Threads beside requests stand back, and go on whatever a step does."""

import os
import sys
import threading
import time

import pytest

from ml.serving.beside import NICE, Beside, let_a_batch_end
from ml.serving.online.errors import StoreGone

linux = pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux alone")


@linux
@pytest.mark.parametrize(("own", "policy"), [("false", os.SCHED_OTHER), ("true", os.SCHED_IDLE)])
def test_a_thread_stands_back_as_far_as_is_safe(monkeypatch, own, policy):
    monkeypatch.setenv("SLATE_OWN_CORES", own)
    found = []

    def look():
        found.append((os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, threading.get_native_id())))

    beside = Beside("a-test", 0.001, look)
    for _ in range(6_000):  # on a busy machine, such a thread waits long for its turn
        if found:
            break
        time.sleep(0.01)
    beside.close()
    nice = NICE if policy == os.SCHED_OTHER else os.getpriority(os.PRIO_PROCESS, 0)
    assert found[0] == (policy, nice)
    assert os.sched_getscheduler(0) == os.SCHED_OTHER  # whoever answers requests is as before


@linux
@pytest.mark.parametrize(("own", "policy"), [("false", os.SCHED_OTHER), ("true", os.SCHED_BATCH)])
def test_the_loop_lets_batches_end_on_cores_of_its_own(monkeypatch, own, policy):
    monkeypatch.setenv("SLATE_OWN_CORES", own)
    found = []

    def look():
        let_a_batch_end()
        found.append(os.sched_getscheduler(0))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [policy]
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


@pytest.mark.parametrize("error", [StoreGone("away"), ValueError("wrong")])
def test_a_step_that_fails_is_taken_again(error):
    turns, again = [], threading.Event()

    def step():
        turns.append(None)
        if len(turns) == 1:
            raise error
        again.set()

    beside = Beside("a-test", 0.001, step)
    assert again.wait(10)
    beside.close()
