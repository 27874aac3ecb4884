"""A user is erased beside a running server, which goes on with the resealed champion; in the end nothing holds them."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from little_home import ITEMS, USERS, make_shop, promote
from slate_server import AS_OF, Server, eventually, happened, running

from ml import steps
from ml.bundle.bundle import open_bundle
from ml.cli import main
from ml.data.windows import to_micros
from ml.serving.events import LiveEvent
from ml.serving.online.opening import online_folder, open_live
from ml.tracking import registry

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")]
USER, OTHER = USERS[17], USERS[18]
NOW = to_micros(AS_OF)


@pytest.fixture
def shop_home(tmp_path, monkeypatch) -> Path:
    """A home with one champion, and events of two users in a closed segment of the log."""
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    make_shop(tmp_path, ("one",))
    promote("retail", 1)
    events = [LiveEvent(f"closed-{n}", "s", ITEMS[n], "view", NOW, user) for n, user in enumerate((USER, OTHER))]
    with open_live("retail", now=lambda: NOW) as live:
        live.accept(events)
    return tmp_path


def erase_pending(capsys) -> dict:
    """As an operator does it, beside the server."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["erase", "--pending", "--json"])
    told = capsys.readouterr()
    assert ended.value.code == 0, told.err
    return json.loads(told.out)


def holding(home: Path, user: str) -> list[str]:
    """Every file in which the identifier stands, looked for in the plainest way there is."""
    found = []
    for path in sorted(each for each in home.rglob("*") if each.is_file()):
        text = repr(pq.read_table(path).to_pylist()).encode() if path.suffix == ".parquet" else path.read_bytes()
        if user.encode() in text + path.name.encode():
            found.append(str(path.relative_to(home)))
    return found


@pytest.mark.timeout(1_200)
def test_a_user_is_erased_beside_a_running_server(shop_home, capsys):
    with running(shop_home) as server:
        for user in (USER, OTHER):
            assert server.tell(happened(f"live-{user}", user, ITEMS[5], "purchase")).told["accepted"] == 1
            assert server.slate(user).told["model_version"] == 1
        eventually(lambda: server.metric("slate_fact", name="impressions_logged") >= 2)
        assert {path.split("/")[0] for path in holding(shop_home, USER)} >= {"artifacts", "features", "serving"}
        assert server.ask("DELETE", f"/v1/retail/users/{USER}").told["erased"] is True
        done = erase_pending(capsys)
        assert (done["users"], done["champion"], done["remembered"]) == (1, 2, True)
        check_only_the_server_holds(shop_home, done["left_to_server"])
        check_goes_on(server)
        assert server.stop() == 0
    last = erase_pending(capsys)
    assert (last["champion"], last["remembered"], last["left_to_server"]) == (2, False, [])
    check_nowhere(shop_home)


def check_only_the_server_holds(home: Path, left: list[str]) -> None:
    """What the command said that it leaves, and no more."""
    found = {str(home / path) for path in holding(home, USER)}
    assert found <= {*left}
    assert all(Path(path).is_relative_to(online_folder("retail")) for path in left)
    assert {*steps.traces_of("retail", USER)["files"]} == {str(Path(path).relative_to(home)) for path in left}


def check_goes_on(server: Server) -> None:
    """With the champion that never knew the user; nobody else's events are lost."""
    eventually(lambda: server.slate(OTHER).told["model_version"] == 2)
    assert server.metric("slate_fact", domain="retail", name="refused_version") == 0
    eventually(lambda: server.slate(USER, "off_site", k=40).items == server.slate("nobody", "off_site", k=40).items)
    assert server.slate(OTHER, "off_site", k=40).items != server.slate("nobody", "off_site", k=40).items
    gone = server.slate(OTHER).items[0]
    assert server.tell(happened("after", OTHER, gone, "decline", after=0.1)).told["accepted"] == 1
    eventually(lambda: server.slate(OTHER).told["degraded"] is None)
    assert gone not in server.slate(OTHER).items


def check_nowhere(home: Path) -> None:
    assert steps.traces_of("retail", USER)["files"] == []
    assert holding(home, USER) == []
    assert holding(home, OTHER)  # the way of looking finds who is there
    bundle = open_bundle(registry.bundle_of("retail", registry.version_at("retail", "champion")))
    assert (bundle.knows(USER), bundle.knows(OTHER)) == (False, True)
    with open_live("retail", now=lambda: NOW) as live:
        assert live.erased() == []
        kept = [[event.event_id for event in events] for events in live.events_of([USER, OTHER])]
    assert kept[0] == []
    assert sorted(kept[1]) == ["after", "closed-1", f"live-{OTHER}"]
