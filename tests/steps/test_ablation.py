"""The recommender of the planted shop with one part more, less or replaced."""

import json

import numpy as np
import pytest
import shop

from ml import steps
from ml.artifacts import manifest, write_json
from ml.cli import main
from ml.domains import DOMAINS, get_domain
from ml.evaluation.evaluation import Evaluation
from ml.settings import settings
from ml.steps import ablation
from ml.steps.ablation import SEGMENTS, bench_ablation, variants_of

USUAL, REQUESTED = ("personal_frequency", "popularity"), "item_to_item"
NAMES = [
    "full", "without personal_frequency", "without popularity", "with item_to_item", "ranker dcn", "rank fusion",
]  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The shop, in a domain whose retrievers are quick, with one of them on request."""
    small = get_domain("retail").model_copy(
        update={
            "quotas": dict.fromkeys((*USUAL, REQUESTED), 20), "on_request": (REQUESTED,), "baselines": ("popularity",),
        }
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DOMAINS, "retail", small)
        patch.setenv("SLATE_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("SLATE_THREADS", "1")
        features = shop.make_features(settings().home / "artifacts" / "features" / "planted", users=60)
        write_json(settings().domain_path("current", "retail") / "features.json", {"path": str(features)})
        yield


@pytest.fixture(scope="module")
def found(home):
    return bench_ablation("retail")


def by_variant(document: dict, segment: str) -> dict[str, dict]:
    return {row["variant"]: row for row in document["rows"] if row["segment"] == segment}


def test_every_part_has_a_variant_with_a_training_of_its_own(home):
    variants = variants_of("retail", 7)
    assert [variant.name for variant in variants] == NAMES
    models = {variant.name: tuple(variant.training["models"]) for variant in variants}
    assert models["full"] == models["ranker dcn"] == models["rank fusion"] == USUAL
    assert models["without personal_frequency"] == ("popularity",)
    assert set(models["with item_to_item"]) == {*USUAL, REQUESTED}
    rankers = {variant.name: list(variant.training["ranker_parameters"]) for variant in variants}
    assert rankers.pop("ranker dcn") == ["dcn"]
    assert set(map(tuple, rankers.values())) == {("lambdamart",)}


def test_the_only_retriever_is_not_left_out(home, monkeypatch):
    alone = get_domain("retail").model_copy(update={"quotas": {"popularity": 20}, "on_request": ()})
    monkeypatch.setitem(DOMAINS, "retail", alone)
    assert [variant.name for variant in variants_of("retail", 7)] == ["full", "ranker dcn", "rank fusion"]


def test_added_is_what_having_the_part_makes_of_the_metric(found):
    assert {row["segment"] for row in found["rows"]} == set(SEGMENTS)
    for segment in SEGMENTS:
        rows = by_variant(found, segment)
        assert list(rows) == NAMES
        full = rows.pop("full")
        assert full["part"] is None
        assert full["added"] is None
        for name, row in rows.items():
            assert row["cases"] == full["cases"] > 0
            sign = -1 if name.startswith("without") else 1
            assert row["added"]["difference"] == pytest.approx(
                sign * (row["ndcg@10"]["mean"] - full["ndcg@10"]["mean"])
            )
            assert row["added"]["low"] <= row["added"]["difference"] <= row["added"]["high"]


def test_the_part_that_knows_the_planted_habits_adds_to_repeats(found):
    rows = by_variant(found, "all")
    assert rows["without personal_frequency"]["added"]["low"] > 0
    assert rows["ranker dcn"]["part"] == "dcn in place of lambdamart"
    assert rows["rank fusion"]["part"] == "rank fusion in place of lambdamart"


def test_full_is_what_evaluate_judges(found):
    steps.train("retail", "all", {})
    judged = steps.evaluate(steps.last_training("retail"))
    assert judged["ndcg@10"]["all"]["mean"] == by_variant(found, "all")["full"]["ndcg@10"]["mean"]


def test_nothing_is_judged_twice_and_every_variant_is_noted_once(found, monkeypatch):
    configurations = len(NAMES) - 1  # rank fusion is of the usual training's configuration
    assert found["configurations_that_saw_the_test"] == configurations
    monkeypatch.setattr(ablation, "_judge", lambda *_: pytest.fail("the judged cases stand already"))
    assert bench_ablation("retail") == found


def test_the_judged_cases_are_those_of_all_variants(found):
    (folder,) = (settings().home / "artifacts" / "ablation").iterdir()
    cases = Evaluation.load(folder / "cases")
    assert list(cases.kinds) == NAMES
    full = np.mean(cases.segments["repeats"].metric("full", "ndcg@10"))
    assert full == pytest.approx(by_variant(found, "repeats")["full"]["ndcg@10"]["mean"])
    assert len(manifest(folder)["test_window"]) == 2


def test_the_command_prints_a_table_or_a_document(found, capsys):
    for arguments, ends in ((["--json"], "}"), ([], "┘")):
        with pytest.raises(SystemExit) as ended:
            main(["bench", "ablation", *arguments])
        assert ended.value.code == 0
        shown = capsys.readouterr().out
        assert shown.rstrip().endswith(ends)
        assert shown.count("with item_to_item") == len(SEGMENTS)
        if arguments:
            assert json.loads(shown) == found
