"""The system's clock is set back behind a running server: what happens counts at once and once, and nothing waits."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from little_home import ITEMS, USERS, forget_what_happened, promote
from slate_server import PROJECT, eventually, happened, running
from test_faults import CLIENTS, Stream, check_kept, clients, say

from ml.serving.impression_parts import impressions_folder, parts

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")]
HOUR, DAY = 3_600, 86_400
PATIENCE = 60.0  # seconds that any answer may take while this machine does much else; whoever waits for a clock that
# was set back waits for an hour
WRONG_CLOCK = Path(__file__).with_name("clock_set_back")


def now() -> str:
    """As a client knows it, whose clock is right."""
    return datetime.now(UTC).isoformat()


class Now(Stream):
    """Events of clients whose clocks are right."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.refused, self.seconds = [], []

    def send(self, server, thread, turn):
        turn -= turn % 5 == 4
        event_id, user = f"{self.name}-{thread}-{turn}", USERS[turn % 20]
        self.sent.append(event_id)
        answer = server.tell(happened(event_id, user, ITEMS[turn % 40], occurred_at=now()))
        self.refused += [answer.body] if answer.status != 200 else []
        self.seconds.append(answer.seconds)
        self.acknowledged.append(event_id)
        time.sleep(0.02)


class Witness:
    """What one client saw, in its order."""

    def __init__(self, server) -> None:
        self.server, self.shown, self.seconds, self.as_of = server, [], [], {}

    def slate(self, user: str) -> list[str]:
        """One that was made in time, by all that is known: this machine may be too busy for the first."""
        while True:
            answer = self.server.slate(user)
            assert answer.status == 200, answer.body
            self.shown.append(answer.told["slate_id"])
            self.seconds.append(answer.seconds)
            self.as_of.setdefault(user, []).append(answer.told["features_as_of"])
            if answer.told["degraded"] is None:
                return answer.items

    def declines(self, name: str, user: str) -> None:
        """An event counts in the very next slate, and once."""
        gone = self.slate(user)[0]
        event = happened(name, user, gone, "decline", occurred_at=now())
        assert self.server.tell(event).told == {"accepted": 1, "duplicates": 0}
        assert gone not in self.slate(user)
        assert self.server.tell(event).told == {"accepted": 0, "duplicates": 1}


@pytest.mark.timeout(1_200)
def test_the_clock_is_set_back_by_an_hour_and_by_a_day(home, tmp_path):
    forget_what_happened(home)
    offset, stream = tmp_path / "offset", Now("streamed")
    offset.write_text("0")
    with running(
        home, clock="system", CLOCK_OFFSET=str(offset), PYTHONPATH=f"{WRONG_CLOCK}:{PROJECT}"
    ) as server:  # fmt: skip
        witness = Witness(server)
        witness.declines("before", USERS[20])
        with clients(server, stream.send, CLIENTS - 2):
            for turn, back in enumerate((HOUR, DAY), 1):
                before = len(stream.acknowledged)
                offset.write_text(str(-back))
                for n in range(4):
                    witness.declines(f"back-{turn}-{n}", USERS[20 + turn])
                eventually(lambda before=before: len(stream.acknowledged) > before + 40)
            promote("retail", 2)
            eventually(lambda: server.ask("GET", "/readyz").told["versions"]["retail"] == 2)
            witness.declines("after", USERS[23])
        assert server.metric("slate_fact", domain="retail", name="store_behind") == 0
        assert server.stop() == 0
        assert went_back(server) == [-HOUR, HOUR - DAY]
    check(witness, stream)


def went_back(server) -> list[int]:
    """By how much the clock of the server's own log was set, in whole hours: the fault was there."""
    lines = (json.loads(line) for line in server.log().splitlines() if line.startswith('{"time"'))
    at = np.array([datetime.fromisoformat(line["time"]).timestamp() for line in lines])
    steps = np.diff(at)
    return [round(step / HOUR) * HOUR for step in steps[np.abs(steps) > HOUR / 2]]


def check(witness: Witness, stream: Stream) -> None:
    declines = Stream("declines")
    declines.sent = declines.acknowledged = [
        "before",
        "after",
        *(f"back-{turn}-{n}" for turn in (1, 2) for n in range(4)),
    ]
    check_kept(stream, declines)
    assert all(of_user == sorted(of_user) for of_user in witness.as_of.values())
    told = [row for part in parts(impressions_folder("retail")) for row in pq.read_table(part).to_pylist()]
    assert list(dict.fromkeys(row["slate_id"] for row in told)) == witness.shown
    at = [row["shown_at"] for row in told]
    assert at == sorted(at)
    say(
        f"{len(stream.acknowledged)} events while the clock went back; slates within {1e3 * max(witness.seconds):.0f} ms"
    )
    assert stream.refused == []
    assert max(*witness.seconds, *stream.seconds) < PATIENCE
