import ctypes
import mmap
import subprocess
import sys

import pytest

from ml.serving import large_pages
from ml.serving.large_pages import use_large_pages

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone gathers memory in large pages")
# In a process of its own: it asks for no large pages from then on.
GATHERING = """
import ctypes, mmap, re
from pathlib import Path
from ml.serving.large_pages import LARGE, use_large_pages

def in_large_pages(start, size):
    found, here = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if place := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            here = int(place[1], 16) < start + size and start < int(place[2], 16)
        elif here and line.startswith("AnonHugePages:"):
            found += int(line.split()[1]) * 1024
    return found

held = mmap.mmap(-1, 8 * LARGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
held.write(bytes(range(256)) * (len(held) // 256))
start = ctypes.addressof(ctypes.c_char.from_buffer(held))
gathered = use_large_pages()
large, disabled = in_large_pages(start, len(held)), ctypes.CDLL(None).prctl(42, 0, 0, 0, 0)
assert held[:] == bytes(range(256)) * (len(held) // 256)
print(gathered, large // LARGE, disabled)
"""


@linux
def test_what_is_held_is_gathered_stays_as_it_is_and_nothing_more_is_asked_for():
    told = subprocess.run([sys.executable, "-c", GATHERING], check=True, capture_output=True, text=True).stdout
    gathered, large, disabled = map(int, told.split())
    assert disabled == 1
    if not gathered:
        pytest.skip("this system gathers no memory in large pages")
    assert large >= 7


@linux
def test_memory_of_no_file_is_told_from_what_is_mapped(tmp_path):
    (tmp_path / "a file").write_bytes(bytes(mmap.PAGESIZE))
    with (tmp_path / "a file").open("r+b") as opened, mmap.mmap(opened.fileno(), 0) as mapped:
        start = ctypes.addressof(view := ctypes.c_char.from_buffer(mapped))
        parts = list(large_pages._anonymous())
        del view
    assert parts
    assert all(first < last for first, last in parts)
    assert not any(first <= start < last for first, last in parts)


def test_elsewhere_nothing_is_done(monkeypatch):
    monkeypatch.setattr(large_pages.sys, "platform", "darwin")
    assert use_large_pages() == 0
