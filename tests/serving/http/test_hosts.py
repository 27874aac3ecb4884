"""By which names the server may be asked: a page whose own name points here reads nothing."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.serving.http.answers import Refused
from ml.serving.http.protection import Hosts

OWN = ["localhost", "LOCALHOST", "localhost.", "localhost:8100", "127.0.0.1", "127.0.0.1:8100", "[::1]", "[::1]:8100"]
OTHERS = [
    None, "", "evil.example", "evil.example:8100", "localhost.evil.example", "evil-localhost", "127.0.0.1.evil.example",
    "localhost@evil.example", "evil.example/localhost", "localhost evil.example", "localhost:8100:8100", "localhost..",
    "localhost:port", "[::1", "[::1].evil.example", "10.0.0.7", "0.0.0.0", "ｌocalhost", "localhost" + " " * 300,
]  # fmt: skip


def is_allowed(hosts: Hosts, name: str | None) -> bool:
    try:
        hosts.check(name)
    except Refused:
        return False
    return True


@pytest.mark.parametrize("name", OWN)
def test_it_is_asked_as_loopback(name):
    assert is_allowed(Hosts(), name)
    assert is_allowed(Hosts("10.0.0.7"), name)


@pytest.mark.parametrize("name", OTHERS)
def test_no_other_name_is_its_own(name):
    hosts = Hosts()
    assert not is_allowed(hosts, name)
    assert not is_allowed(hosts, name)  # as it is remembered too


def test_it_is_asked_by_the_address_it_listens_on_and_by_names_that_are_told():
    hosts = Hosts("10.0.0.7", [" Slates.Example.com ", "", "slates"])
    assert all(is_allowed(hosts, name) for name in ("10.0.0.7:8100", "slates.example.com", "SLATES:443"))
    assert not any(is_allowed(hosts, name) for name in ("10.0.0.8", "example.com", "a.slates.example.com", "", None))


@pytest.mark.parametrize("listening", ["0.0.0.0", "::"])
def test_where_it_listens_on_every_address_each_may_be_named_in_digits(listening):
    hosts = Hosts(listening)
    assert all(is_allowed(hosts, name) for name in (*OWN, "10.0.0.7:8100", "[fd00::7]:8100"))
    assert not any(is_allowed(hosts, name) for name in ("evil.example", "10.0.0.7.evil.example", "10.0.0", "::1"))


@given(st.text(max_size=40))
def test_whatever_is_sent_is_refused_or_known(name):
    bare = name.lower().removesuffix(".")
    assert not is_allowed(Hosts(), name) or bare.startswith(("localhost", "127.0.0.1", "[::1]"))


def test_a_page_whose_name_points_here_is_told_nothing(client, shop):
    evil = {"Host": "evil.example"}
    for method, path in (("GET", "/readyz"), ("GET", "/metrics"), ("GET", "/docs"), ("DELETE", "/v1/shop/users/u")):
        assert client.request(method, path, headers=evil).status_code == 400
    answer = client.post("/v1/shop/slates", json={"placement": "home"}, headers=evil)
    assert (answer.status_code, shop.requests) == (400, [])
    assert answer.json()["error"] == {
        "field": "Host", "message": "this server is not to be asked as 'evil.example'",
        "remedy": "Ask by localhost or the address that it listens on, or add the name to SLATE_HOSTS.",
    }  # fmt: skip
    assert client.post("/v1/shop/slates", json={"placement": "home"}).status_code == 200


def test_names_that_are_told_are_asked_by(make_client):
    client = make_client(hosts=Hosts("127.0.0.1", ["slates.example.com"]))
    for name, status in (("slates.example.com", 200), ("evil.example", 400)):
        assert client.get("/readyz", headers={"Host": name}).status_code == status


def test_it_takes_next_to_no_time():
    hosts, times = Hosts(), 20_000
    started = time.process_time()
    for _ in range(times):
        hosts.check("localhost:8100")
    assert (time.process_time() - started) / times < 5e-6
