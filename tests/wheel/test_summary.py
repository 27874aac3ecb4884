import io

import pytest
from rich.console import Console

from ml.wheel.places import pages, places
from ml.wheel.summary import render, stages

ITEM = {"item_id": "1095275", "name": "Bananas, 40 lb", "score": 0.9, "sources": ["tifu_knn", "als"]}
TURN = {
    "domain": "shop",
    "started_at": "2018-01-01T00:00:00Z",
    "wall_seconds": 612.4,
    "peak_memory_mb": 3456,
    "cores": 2,
    "stages": [{"dag": "shop__train", "task": "train_als", "seconds": 31.5, "peak_memory_mb": 2345}],
}
DOCUMENT = {
    "turn": TURN,
    "user_noun": "household",
    "status": {
        "domain": "shop",
        "as_of": "2018-01-01T05:00:00Z",
        "counts": {"events": 1_469_307},
        "champion": 3,
        "challenger": 4,
    },
    "leaderboard": {"split": {}, "rows": []},
    "examples": [{"user_id": "900", "model_version": 3, "items": [ITEM], "rules": ["stocked@1"]}],
    "packages": [
        {
            "user_id": "900",
            "reminders": {"items": [ITEM | {"why": "has it"}], "short": "only 1 was met"},
            "discoveries": {"items": [], "short": "none is left"},
        }
    ],
    "places": {"dbt docs": "/somewhere/dbt/index.html"},
}


def printed(parts):
    console = Console(file=io.StringIO(), width=160)
    for part in parts:
        console.print(part)
    return console.file.getvalue()


@pytest.mark.parametrize(
    "fact",
    [
        "1,469,307",
        "version 3",
        "household 900",
        "Bananas, 40 lb",
        "tifu_knn, als",
        "/somewhere/dbt/index.html",
        "3,456 MB",
        "taken away by stocked@1",
        "The package of household 900",
        "none is left",
    ],
)
def test_the_summary_shows(fact):
    assert fact in printed(render(DOCUMENT))


def test_a_refused_first_challenger_is_told():
    nobody = DOCUMENT | {"status": DOCUMENT["status"] | {"champion": None}, "examples": []}
    assert "refused" in printed(render(nobody))


def test_the_benchmark_shows_every_turn_and_stage():
    shown = printed(stages([TURN, TURN | {"wall_seconds": 95.0}]))
    assert "612.4" in shown
    assert "95.0" in shown
    assert shown.count("train_als") == 2


def test_only_reports_that_exist_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    assert pages("shop") == {}
    index = tmp_path / "reports" / "shop" / "dbt" / "index.html"
    index.parent.mkdir(parents=True)
    index.touch()
    assert pages("shop") == {"dbt docs": index}
    assert places("shop")["dbt docs"] == str(index)
    assert places("shop")["MLflow UI"] == "make ui"
