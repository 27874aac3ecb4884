import time

import psutil
import pytest

from ml.memory import MemorySampler, Sample, memory_of


@pytest.fixture
def sampler():
    found = MemorySampler(list)
    found.samples = [Sample(10.0, 1_000_000), Sample(20.0, 5_000_000), Sample(30.0, 2_000_000)]
    return found


def test_the_memory_of_this_process_is_what_it_holds():
    held = memory_of([psutil.Process()])
    assert 0 < held <= psutil.Process().memory_info().rss * 1.1


def test_the_peak_lies_within_the_asked_moments(sampler):
    assert sampler.peak() == 5_000_000
    assert sampler.peak(25, 40) == 2_000_000
    assert sampler.peak(12, 13) == 1_000_000  # between two samples: the nearest


def test_it_samples_between_with_and_its_end():
    with MemorySampler(lambda: [psutil.Process()], seconds=0.01) as sampler:
        while not sampler.samples:
            time.sleep(0.01)
    taken = len(sampler.samples)
    time.sleep(0.05)
    assert len(sampler.samples) == taken
