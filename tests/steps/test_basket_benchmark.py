import json

import numpy as np
import pandas as pd
import pytest
from planted_baskets import planted

from ml.cli import main
from ml.evaluation.next_basket import NAMES
from ml.steps.cost import measured

CONFIG = """
models:
  global: {model: popularity}
  personal: {model: personal_blend}
  regression: {model: basket_regression, parameters: {half_life_days: 0.5, regularisation: 0.1}}
recommender: {quota: 10, candidates: 20, negatives: 10, ranker: {rounds: 20, minimum_child_weight: 0}}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path


def run(folder, history, following, *more) -> int:
    for name, frame in (("history", history), ("next", following)):
        frame.to_parquet(folder / f"{name}.parquet")
    paths = ("--history", folder / "history.parquet", "--next", folder / "next.parquet")
    with pytest.raises(SystemExit) as ended:
        main(["bench", "baskets", *map(str, (*paths, "--config", folder / "config.yaml", *more))])
    return ended.value.code


def rows_of(folder, history, following, capsys):
    assert run(folder, history, following, "--json") == 0
    return {row["model"]: row for row in json.loads(capsys.readouterr().out)["rows"]}


def test_one_json_document_with_a_row_a_model(folder, capsys):
    rows = rows_of(folder, *planted(), capsys)
    assert list(rows) == ["global", "personal", "regression", "recommender"]
    for row in rows.values():
        assert {"train_seconds", "predictions_per_second", "peak_memory_mb"} <= set(row)
        for part in ("metrics", "repeats", "discoveries"):
            assert tuple(row[part]) == NAMES
            assert row[part]["recall@10"].keys() == {"mean", "low", "high"}
    assert rows["regression"]["metrics"]["ndcg@10"]["mean"] > rows["personal"]["metrics"]["ndcg@10"]["mean"]
    assert rows["recommender"]["metrics"]["ndcg@10"]["mean"] > 0.9


def test_the_order_of_the_lines_changes_no_metric(folder, capsys):
    history, following = planted()
    first = rows_of(folder, history, following, capsys)
    second = rows_of(folder, history.sample(frac=1, random_state=3), following.sample(frac=1, random_state=4), capsys)
    for name, row in first.items():
        assert {part: row[part] for part in ("metrics", "repeats", "discoveries")} == {
            part: second[name][part] for part in ("metrics", "repeats", "discoveries")
        }


def test_people_get_tables(folder, capsys):
    history, following = planted()
    assert run(folder, history, following) == 0
    shown = capsys.readouterr().out
    for word in ("ndcg@10", "taken before", "never taken before", "recommender", "predictions/s"):
        assert word in shown


def test_new_customers_new_items_and_single_baskets_are_measured(folder, capsys):
    history, following = planted()
    once = pd.DataFrame({"user_id": [900], "basket": [0], "item_id": [3]})
    strange = pd.DataFrame({"user_id": [900, 901, 901], "item_id": [3, 999, 4]})
    rows = rows_of(folder, pd.concat([history, once]), pd.concat([following, strange]), capsys)
    assert rows["recommender"]["metrics"]["recall@10"]["mean"] > 0.8


@pytest.mark.parametrize(("customers", "visits"), [(1, 4), (20, 1)])
def test_too_little_to_learn_from_is_refused_with_a_remedy(folder, capsys, customers, visits):
    assert run(folder, *planted(customers, visits)) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "without `recommender`" in shown.err.replace("\n", " ")


def test_one_customer_is_measured_without_the_second_stage(folder, capsys):
    (folder / "config.yaml").write_text("models: {personal: {model: personal_blend}}")
    rows = rows_of(folder, *planted(1), capsys)
    assert rows["personal"]["metrics"]["recall@10"]["low"] is None


def test_bad_input_ends_with_two_and_says_what_to_do(folder, capsys):
    history, following = planted()
    assert run(folder, history.drop(columns="item_id"), following) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "item_id" in shown.err


def test_costs_are_measured():
    with measured() as cost:
        held = np.ones(5_000_000)
        held.sum()
    assert cost.seconds > 0
    assert cost.peak_memory_mb > 1
