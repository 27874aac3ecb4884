"""`slate` in a process where something fails on command: `python faulty_slate.py FILE serve …`.

As long as the file says `retriever raises` or `ranker hangs`, they do.
"""

import sys
import time
from pathlib import Path

from ml.cli import main
from ml.ranking.lambdamart import LambdaMart
from ml.retrieval.personal_frequency import PersonalFrequency

MINUTES = 600.0  # after which even a hung ranker comes back
FILE = Path(sys.argv.pop(1))


def wanted(fault: str) -> bool:
    return FILE.exists() and fault in FILE.read_text()


score, predict = PersonalFrequency.score, LambdaMart.predict


def score_or_raise(self, requests):
    if wanted("retriever raises"):
        raise ValueError("a retriever that is broken")
    return score(self, requests)


def predict_or_hang(self, frame):
    until = time.monotonic() + MINUTES
    while wanted("ranker hangs") and time.monotonic() < until:
        time.sleep(0.02)
    return predict(self, frame)


PersonalFrequency.score, LambdaMart.predict = score_or_raise, predict_or_hang
main()
