"""The two-tower on the planted shop, as usual and with one part switched at a time."""

import json
from pathlib import Path

import pytest
import shop

from ml.artifacts import write_json
from ml.cli import main
from ml.errors import BadInput
from ml.retrieval.two_tower.parameters import TwoTowerParameters
from ml.settings import settings
from ml.steps.two_tower_ablation import SEGMENTS, VARIANTS, Variant, bench_two_tower

PAGE = Path(__file__).resolve().parents[2] / "docs" / "ablation.md"
PLANTED = {"embedding_size": 8, "hidden_size": 8, "minimum_count": 1, "uniform_negatives": 16, "batch_size": 64}


@pytest.fixture
def plant(tmp_path, monkeypatch):
    """Publish the shop, and write what its trainings take as the two-tower's parameters."""
    monkeypatch.setenv("SLATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SLATE_PROJECT", str(tmp_path / "project"))
    monkeypatch.setenv("SLATE_THREADS", "1")
    features = shop.make_features(tmp_path / "home" / "artifacts" / "features" / "current", users=60)
    write_json(settings().domain_path("current", "retail") / "features.json", {"path": str(features)})
    tuned = tmp_path / "project" / "configs" / "training" / "planted.yaml"
    tuned.parent.mkdir(parents=True)

    def write(**parameters):
        tuned.write_text(json.dumps({"models": {"two_tower": PLANTED | parameters}}))

    write()
    return write


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["bench", "two-tower", "--epochs", "1", *arguments])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_each_part_has_a_row_a_segment_beside_the_default(plant, capsys):
    rows = json.loads(run(capsys, "--json"))["rows"]
    assert [(row["segment"], row["variant"]) for row in rows] == [(s, v) for s in SEGMENTS for v in VARIANTS]
    default = {row["segment"]: row for row in rows if row["variant"] == "default"}
    for row in rows:
        assert row["cases"] == default[row["segment"]]["cases"] > 0
        assert row["train_cpu_seconds"] > 0
        for metric, found in row["metrics"].items():
            assert 0 <= found["low"] <= found["mean"] <= found["high"] <= 1
            difference = row["less_default"][metric]
            expected = found["mean"] - default[row["segment"]]["metrics"][metric]["mean"]
            assert difference["difference"] == pytest.approx(expected)
            assert difference["low"] <= difference["difference"] <= difference["high"]
    every = [row["metrics"]["ndcg@10"]["mean"] for row in rows if row["segment"] == "all"]
    assert len(set(every)) > len(every) / 2  # the switches reach the training


def test_the_tables_name_every_variant_and_metric(plant, monkeypatch, capsys):
    for name in VARIANTS.keys() - {"default", "no repeats"}:
        monkeypatch.delitem(VARIANTS, name)
    shown = run(capsys)
    assert shown.count("no repeats") == 2 * len(SEGMENTS)
    assert "recall@100" in shown
    assert "less default" in shown


def test_every_variant_is_valid_and_changes_the_defaults():
    usual = TwoTowerParameters().model_dump()
    for name, variant in VARIANTS.items():
        changed = variant.against(usual)
        assert bool(changed) == (name != "default")
        assert TwoTowerParameters.model_validate({**usual, **changed})


def test_a_scaled_parameter_follows_the_usual_value():
    assert Variant("why", {"loss": "triplet"}, {"temperature": 2.0}).against(
        {"loss": "softmax", "temperature": 0.2}
    ) == {"loss": "triplet", "temperature": 0.4}


def test_a_variant_that_would_change_nothing_is_left_out(plant, monkeypatch):
    for name in VARIANTS.keys() - {"default", "no repeats", "one pooling head"}:
        monkeypatch.delitem(VARIANTS, name)
    plant(repeat_weight=0.0)
    rows = bench_two_tower("retail", epochs=1)["rows"]
    assert {row["variant"] for row in rows} == {"default", "one pooling head"}


def test_a_usual_value_that_leaves_its_range_when_scaled_is_refused_before_anything_is_fitted(plant):
    plant(temperature=0.6)
    with pytest.raises(BadInput, match=r"variant temperature doubled: temperature.*1\.2"):
        bench_two_tower("retail", epochs=1)


def test_the_page_names_every_variant_with_what_it_changes():
    page = PAGE.read_text()
    for name, variant in VARIANTS.items():
        line = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        for parameter, value in variant.changed.items():
            shown = f"{value:g}" if isinstance(value, float) else value
            assert f"`{parameter}: {shown}`" in line
        for parameter in variant.scaled:
            assert f"`{parameter}`" in line
