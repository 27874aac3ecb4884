import numpy as np
import pytest

from ml.errors import BadInput
from ml.steps.online_users_benchmark import bench_online_users
from ml.steps.online_users_found import UserFiles, by_bisection, by_key
from ml.steps.online_users_made import (
    EVENT,
    LAYOUTS,
    draw_lengths,
    user_ids,
    write_events,
    write_identifiers,
    write_key_values,
    write_vectors,
)
from ml.steps.online_users_page import write_online_users


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    return tmp_path


def test_twenty_thousand_users_are_written_found_and_removed(home, monkeypatch):
    monkeypatch.setattr("ml.steps.online_users_benchmark.WARM", 1_000)
    monkeypatch.setattr("ml.steps.online_users_benchmark.COLD", 200)
    document = bench_online_users(20_000)
    assert [*(home / "bench").iterdir()] == []
    sizes = {row["part"]: row["bytes_a_user"] for row in document["files"]}
    assert sizes["vectors"] == pytest.approx(128, rel=0.02)
    assert sizes["events as records"] == pytest.approx(60 * document["events"] / 20_000 + 8, rel=0.02)
    assert sizes["events as columns"] == pytest.approx(sizes["events as records"], rel=0.02)
    rows = [(row["layout"], row["index"], row["pages"]) for row in document["look_ups"]]
    assert len({*rows}) == len(rows) == 8
    assert all(
        0 < row["microseconds"]["all"]["p50"] <= row["microseconds"]["all"]["p99"] for row in document["look_ups"]
    )
    write_online_users(document, home / "page.md")
    page = (home / "page.md").read_text()
    assert "# 20,000 users" in page
    assert page.count("| cold |") == page.count("| warm |") == 4


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_found_is_what_was_written(home, layout):
    users, folder = 300, home / "files"
    (folder / layout).mkdir(parents=True)
    lengths = draw_lengths(users, 3.0, 5)
    write_identifiers(folder, users)
    write_key_values(folder, users)
    write_vectors(folder, users, 5)
    write_events(folder / layout, lengths, layout, 5)
    files = UserFiles.open(folder, layout)
    for find in (by_bisection(folder), by_key(folder)):
        assert [find(user_id) for user_id in user_ids(0, users)] == [*range(users)]
        assert [find(stranger) for stranger in (b"", b"a", b"u00000000300", b"z")] == [-1] * 4
    for row in (0, 7, users - 1):
        events, vector = files.of(row)
        assert {len(column) for column in events} == {lengths[row]}
        assert vector.shape == (64,)
        assert np.isfinite(vector.astype(np.float32)).all()
    assert sum(column.dtype.itemsize for column in files.events) == EVENT.itemsize == 60


@pytest.mark.parametrize(("users", "events"), [(0, 12.0), (10, 0.5), (10**12, 12.0)])
def test_what_cannot_be_made_is_refused(users, events):
    with pytest.raises(BadInput, match="--users"):
        bench_online_users(users, events)
