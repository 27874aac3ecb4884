"""Two processes that open the same bundles answer the same requests alike, to the last bit."""

from pathlib import Path

import pytest
from answering import NAMES, NOW
from little_home import USERS, forget_what_happened
from slate_server import printed

from ml.domains import DOMAINS
from ml.serving.events import LiveEvent
from ml.serving.online.opening import open_live

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")]
ASKING = Path(__file__).with_name("answering.py")


def answered(home: Path, hash_seed: int) -> list[dict]:
    """What a process of its own answers; it orders sets and hashes texts in its own way."""
    return printed(ASKING, home, PYTHONHASHSEED=str(hash_seed))


def test_the_same_bundles_answer_alike_in_two_processes(home):
    forget_what_happened(home)
    for domain, items in NAMES.items():
        with open_live(domain, now=lambda: NOW) as live:
            live.accept([
                LiveEvent(f"d-{user}-{n}", f"s{n}", items[(3 * n + at) % len(items)], kind, NOW - 2_000_000 + n, user)
                for at, user in enumerate((*USERS[:6], "a stranger"))
                for n, kind in enumerate(("view", "decline", "view"))
            ])  # fmt: skip
    one, other = answered(home, 1), answered(home, 4_321)
    for here, there in zip(one, other, strict=True):
        assert here == there
    check_worth_comparing(one)


def check_worth_comparing(told: list[dict]) -> None:
    """Slates of all placements, of many kinds, some drawn by chance."""
    assert {(each["domain"], each["placement"]) for each in told if each["items"]} == {
        (domain, placement) for domain in NAMES for placement in DOMAINS[domain].placements
    }
    assert {each["degraded"] for each in told} == {None}
    shown = [item for each in told for item in each["items"]]
    assert any(item["propensity"] < 1 for item in shown)
    assert len({item["item_id"] for item in shown}) > 30
    assert len({item["score"] for item in shown}) > 30
