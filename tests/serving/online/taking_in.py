"""A process that takes in events until it is killed: prints the id of each that was acknowledged.

Run as `python taking_in.py HOME ROUND`.
"""

import os
import sys
import threading
from pathlib import Path

from happenings import happened

from ml.serving.online.opening import open_live
from ml.settings import changed_settings


def take_in(home: Path, prefix: str) -> None:
    with changed_settings(home=home):
        live = open_live("shop")

    def stream(thread: int) -> None:
        for at in range(1_000_000):
            ids = [f"{prefix}-{thread}-{at}-{each}" for each in range(3)]
            live.accept([happened(each, f"u{at % 5}") for each in ids])
            os.write(1, "".join(f"{each}\n" for each in ids).encode())

    for thread in range(4):
        threading.Thread(target=stream, args=(thread,)).start()


if __name__ == "__main__":
    take_in(Path(sys.argv[1]), sys.argv[2])
