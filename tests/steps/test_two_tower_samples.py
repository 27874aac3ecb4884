"""The benchmark of customer-product samples, from a file and from the generator."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml.cli import main
from ml.data.samples import samples_of
from ml.retrieval.contract import top_k
from ml.steps import two_tower_samples
from ml.steps.sample_models import MODELS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "two-tower-samples.md"


def planted(customers: int = 240) -> pd.DataFrame:
    """Customers of a group want the three products of its kind, among twelve; one group is twice as large."""
    random = np.random.default_rng(0)
    rows = []
    for customer in range(customers):
        group = (0, 0, 1, 2, 3)[customer % 5]
        wanted = group * 3 + np.arange(3)
        other = random.choice(np.setdiff1d(np.arange(12), wanted), 3, replace=False)
        rows += [(customer, product, int(product in wanted), f"group {group}") for product in (*wanted, *other)]
    frame = pd.DataFrame(rows, columns=["customer", "product", "label", "customer_group"])
    frame["customer_noise"] = frame["customer"] % 7
    return frame.assign(product_kind="kind " + (frame["product"] // 3).astype(str), product_price=frame["product"] % 3)


@pytest.fixture
def pairs(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SLATE_THREADS", "1")
    path = tmp_path / "pairs.parquet"
    planted().to_parquet(path)
    return path


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "two-tower-samples", *map(str, arguments)])
    return ended.value.code


@pytest.fixture
def document(pairs, capsys):
    assert run("--samples", pairs, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_one_json_document_with_a_row_a_model(document):
    assert [row["model"] for row in document["rows"]] == list(MODELS)
    assert (document["samples"], document["customers"], document["products"]) == (1440, 240, 12)
    assert document["tested_customers"] == 72
    for row in document["rows"]:
        assert list(row["metrics"]) == ["mrr@5", "precision@5", "recall@5", "ndcg@5"]
        for found in row["metrics"].values():
            assert 0 <= found["low"] <= found["mean"] + 1e-9
            assert found["mean"] - 1e-9 <= found["high"] <= 1 + 1e-9


def test_differences_are_to_the_towers(document):
    rows = document["rows"]
    for row in rows:
        for name, found in row["less_two_tower"].items():
            expected = row["metrics"][name]["mean"] - rows[0]["metrics"][name]["mean"]
            assert found["difference"] == pytest.approx(expected)
            assert found["low"] - 1e-9 <= found["difference"] <= found["high"] + 1e-9


def test_what_depends_on_both_sides_is_learned_by_the_towers_and_the_regression_alone(document):
    recall = {row["model"]: row["metrics"]["recall@5"]["mean"] for row in document["rows"]}
    assert recall["two_tower"] > 0.95
    assert recall["logistic_regression"] > 0.95
    assert recall["popularity"] < 0.6


def test_the_same_seed_gives_the_same_metrics(pairs, document, capsys):
    assert run("--samples", pairs, "--json") == 0
    again = json.loads(capsys.readouterr().out)
    for one, other in zip(document["rows"], again["rows"], strict=True):
        assert one["metrics"] == other["metrics"]


def test_people_get_tables(pairs, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "240")
    assert run("--samples", pairs) == 0
    shown = capsys.readouterr().out
    for word in (*MODELS, "ndcg@5", "Less the two-tower"):
        assert word in shown


def test_without_a_file_samples_are_drawn_from_the_generator(pairs, monkeypatch, capsys):
    monkeypatch.setattr(two_tower_samples, "GENERATED", {"customers": 600, "months": 3, "seed": 5})
    monkeypatch.setattr(two_tower_samples, "DRAWN", 600)
    assert run("--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["products"] == 24
    assert 500 < found["samples"] <= 600


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda frame: frame.drop(columns="product"), "column product is missing"),
        (lambda frame: frame.assign(label=3), "write 0 or 1"),
        (lambda frame: frame.assign(label=1), "both labels"),
        (lambda frame: frame.iloc[:0], "no rows"),
        (lambda frame: frame[frame["customer"] == 0], "one customer"),
    ],
)
def test_bad_files_end_with_two_and_say_what_to_do(pairs, change, said, capsys):
    change(planted()).to_parquet(pairs)
    assert run("--samples", pairs) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert said in shown.err
    assert "Traceback" not in shown.err


def test_an_unknown_generator_is_refused_with_the_known_ones(pairs, capsys):
    assert run("--generator", "mint") == 2
    assert "santander" in capsys.readouterr().err


@pytest.mark.parametrize("model", ["two_tower", "logistic_regression"])
def test_a_product_without_a_sample_is_ranked_by_its_attributes(model):
    frame = planted()
    samples = samples_of(frame, "planted")
    kept = frame["product"] != 2
    train = samples_of(frame[kept], "planted")
    score = MODELS[model](train, seed=1, threads=1)(samples.customers, samples.products)
    wanting = samples.customers.column("customer_group") == 0
    best = top_k(score[wanting], 3).item
    assert (best == 2).any(axis=1).mean() > 0.9


def test_the_page_shows_every_model_and_metric():
    lines = PAGE.read_text().splitlines()
    for model in MODELS:
        assert sum(line.startswith(f"| `{model}` |") for line in lines) >= 2, model
    assert f"| model | {' | '.join(two_tower_samples.METRICS)} | training, processor s |" in lines
