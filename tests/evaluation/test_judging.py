"""From models and batches to the leaderboard, through files."""

import json
from pathlib import Path

import numpy as np
import pytest
from little_shop import AS_OF, TEST, Frequency, Scorer, Snapshots, dataset_of, ragged, random_events, requests_with

from ml.data.windows import to_micros
from ml.errors import BadInput
from ml.evaluation.evaluation import COLUMN, METRIC_NAMES, Evaluation
from ml.evaluation.judging import evaluate
from ml.evaluation.leaderboard import COMPARED, leaderboard, split_of
from ml.evaluation.plots import forest_plot
from ml.evaluation.protocol import Kind, RecommenderModel, RetrieverModel, allowed
from ml.evaluation.rendering import markdown, render_tables
from ml.evaluation.segments import SEGMENTS, Batch, batches_in, held_out_users
from ml.evaluation.significance import paired_difference
from ml.retrieval.contract import top_k

USERS, ITEMS = 25, 40
DATASET = dataset_of(random_events(5), USERS, ITEMS)
HELD_OUT = held_out_users(DATASET, 0.3, seed=1)


def batches() -> list[Batch]:
    return batches_in(DATASET, TEST, AS_OF, seed=1, held_out=HELD_OUT)


def judged(*models: tuple[Scorer, Kind]) -> Evaluation:
    rankable = [RetrieverModel(model, kind) for model, kind in models]
    return evaluate(rankable, batches(), DATASET, Snapshots(ITEMS), held_out=HELD_OUT)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return judged((Scorer("first_items", ITEMS), "baseline"), (Frequency("Häufig", ITEMS), "retriever"))


@pytest.fixture(scope="module")
def document(evaluation: Evaluation) -> dict:
    split = split_of(DATASET.windows, seed=1, held_out_share=0.3) | {"configurations_that_saw_the_test": 2}
    return leaderboard(evaluation, split, seed=0, draws=200)


def test_each_mode_ranks_what_it_says() -> None:
    requests = requests_with(ragged([0, 1, 1], [5], []))
    scores = Scorer("scorer", ITEMS).score(requests)
    model = RetrieverModel(Scorer("scorer", ITEMS))
    found = model.rank(requests, None, 3, ["all", "discoveries", "repeats", "completion"])
    assert found["all"].item.tolist() == [[0, 1, 2]] * 3
    assert found["discoveries"].item.tolist() == [[2, 3, 4], [0, 1, 2], [0, 1, 2]]
    assert found["repeats"].item.tolist() == [[0, 1, -1], [5, -1, -1], [-1, -1, -1]]
    basket = requests.with_session(ragged([2], [], [0]))
    assert top_k(scores, 2, exclude=allowed(basket, "completion").exclude).item.tolist() == [[0, 1], [0, 1], [1, 2]]


def test_the_composed_recommender_is_asked_with_the_same_limits() -> None:
    class Composed(Scorer):
        def recommend(self, requests, snapshot, k, *, exclude, only):
            return top_k(self.score(requests), k, exclude=exclude, only=only)

    requests, modes = requests_with(ragged([0, 1, 1], [5], [])), ["all", "discoveries", "repeats"]
    alone = RetrieverModel(Scorer("scorer", ITEMS)).rank(requests, None, 3, modes)
    composed = RecommenderModel(Composed("scorer", ITEMS)).rank(requests, None, 3, modes)
    assert all(np.array_equal(alone[mode].item, composed[mode].item) for mode in modes)


def test_every_cadence_refreshes_once_with_what_lies_before_it() -> None:
    seen = []

    class Watched(Scorer):
        def refresh(self, state):
            seen.append(state.as_of)
            assert not HELD_OUT[state.dataset.log.user].any()
            return super().refresh(state)

    judged((Watched("watched", ITEMS), "retriever"))
    assert seen == [to_micros(at) for at in DATASET.windows.moments(TEST, AS_OF)]


def test_all_segments_are_measured_in_their_order(evaluation: Evaluation) -> None:
    assert list(evaluation.segments) == list(SEGMENTS)
    for results in evaluation.segments.values():
        assert results.labels.min() >= 1
        assert {scores.metrics.shape for scores in results.models.values()} == {(len(results), len(METRIC_NAMES))}
        assert {scores.slate.shape for scores in results.models.values()} == {(len(results), 10)}


def test_a_model_of_repeats_finds_no_discovery(evaluation: Evaluation) -> None:
    assert evaluation.value("Häufig", "hit_rate@100", "discoveries") == 0
    assert evaluation.value("Häufig", "recall@100", "repeats") == 1
    assert np.isnan(evaluation.value("Häufig", "novelty@10", "discoveries"))


def test_new_users_after_nothing_get_nothing_from_a_model_of_repeats(evaluation: Evaluation) -> None:
    assert evaluation.value("Häufig", "recall@100", "new_users_0") == 0
    assert evaluation.value("Häufig", "recall@100", "new_users_3") > 0


def test_what_is_saved_is_what_is_loaded(evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.save(tmp_path)
    again = Evaluation.load(tmp_path)
    assert again.kinds == evaluation.kinds
    for name, results in evaluation.segments.items():
        for model, scores in results.models.items():
            assert np.array_equal(scores.metrics, again.segments[name].models[model].metrics, equal_nan=True)
            assert np.array_equal(scores.slate, again.segments[name].models[model].slate)
        assert np.array_equal(results.unit, again.segments[name].unit)


def test_an_evaluation_by_other_metrics_is_refused(evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.save(tmp_path)
    described = json.loads((tmp_path / "evaluation.json").read_text())
    (tmp_path / "evaluation.json").write_text(json.dumps({**described, "metrics": ["ndcg@10"]}))
    with pytest.raises(BadInput, match="run the evaluation again"):
        Evaluation.load(tmp_path)


def test_models_judged_apart_join(evaluation: Evaluation) -> None:
    apart = [judged((Scorer("first_items", ITEMS), "baseline")), judged((Frequency("Häufig", ITEMS), "retriever"))]
    joined = Evaluation.joined(apart)
    assert joined.kinds == evaluation.kinds
    assert joined.value("Häufig", "ndcg@10") == evaluation.value("Häufig", "ndcg@10")
    with pytest.raises(BadInput, match="judged twice: first_items"):
        Evaluation.joined([*apart, apart[0]])


def test_models_judged_on_other_cases_do_not_join(evaluation: Evaluation) -> None:
    rankable = [RetrieverModel(Scorer("other", ITEMS))]
    other = evaluate(rankable, batches()[:1], DATASET, Snapshots(ITEMS), held_out=HELD_OUT)
    with pytest.raises(BadInput, match="different cases"):
        Evaluation.joined([evaluation, other])


def test_two_models_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="share a name"):
        judged((Scorer("same", ITEMS), "baseline"), (Frequency("same", ITEMS), "retriever"))


def test_a_sessions_protocol_is_judged_too() -> None:
    dataset = dataset_of(random_events(5), USERS, ITEMS, "session")
    models = [RetrieverModel(Frequency("own", ITEMS))]
    found = evaluate(models, batches_in(dataset, TEST, AS_OF, seed=0), dataset, Snapshots(ITEMS))
    assert list(found.segments) == ["all", "discoveries", "repeats", "new_items"]
    assert (found.segments["all"].labels == 1).all()


def test_the_document_is_json_and_says_what_was_judged(document: dict) -> None:
    again = json.loads(json.dumps(document, allow_nan=False))
    assert again["split"]["windows"]["test"] == ["2024-02-19T00:00:00Z", "2024-03-04T00:00:00Z"]
    assert again["split"]["held_out_share"] == 0.3
    first, second = again["rows"][:2]
    assert first["segment"] == second["segment"] == "all"
    assert first["metrics"]["ndcg@10"]["mean"] >= second["metrics"]["ndcg@10"]["mean"]
    assert len(again["rows"]) == 2 * len(SEGMENTS)
    assert again["rows"][0]["metrics"].keys() == {*METRIC_NAMES, "coverage@10", "gini@10"}
    assert again["rows"][0]["metrics"]["coverage@10"]["low"] is None


def test_differences_are_those_of_the_paired_bootstrap(document: dict, evaluation: Evaluation) -> None:
    results = evaluation.segments["all"]
    for row in document["rows"][:2]:
        for metric in ("ndcg@10", "recall@100"):
            wanted = paired_difference(
                results.metric(row["model"], metric), results.metric("first_items", metric), results.unit,
                seed=0, draws=200,
            )  # fmt: skip
            found = row["versus_best_baseline"][metric]
            assert found["baseline"] == "first_items"
            assert found["difference"] == pytest.approx(wanted.mean, abs=1e-9)
            assert found["low"] == pytest.approx(wanted.low, abs=1e-9)
            assert found["high"] == pytest.approx(wanted.high, abs=1e-9)


def test_the_best_baseline_is_chosen_by_metric_and_segment() -> None:
    found = judged(
        (Scorer("first_items", ITEMS), "baseline"), (Frequency("own", ITEMS), "baseline"),
        (Scorer("same_items", ITEMS), "recommender"),
    )  # fmt: skip
    rows = leaderboard(found, {}, seed=0, draws=50)["rows"]
    best = {row["segment"]: row["versus_best_baseline"] for row in rows if row["model"] == "same_items"}
    assert best["repeats"]["ndcg@10"]["baseline"] == "own"
    assert best["discoveries"]["ndcg@10"]["baseline"] == "first_items"
    assert best["discoveries"]["ndcg@10"]["difference"] == best["discoveries"]["ndcg@10"]["high"] == 0
    for row in rows:
        others = {"first_items", "own"} - {row["model"]}
        assert row["versus"].keys() == others
        assert all(found.keys() == set(COMPARED) for found in row["versus"].values())
        for metric, against in row["versus_best_baseline"].items():
            means = {r["model"]: r["metrics"][metric]["mean"] for r in rows if r["segment"] == row["segment"]}
            assert means[against["baseline"]] == max(means["first_items"], means["own"])


def test_without_baselines_there_is_nothing_to_be_compared_with() -> None:
    rows = leaderboard(judged((Frequency("own", ITEMS), "retriever")), {}, seed=0, draws=20)["rows"]
    assert all(row["versus"] == row["versus_best_baseline"] == {} for row in rows)


def test_people_can_read_it(document: dict, tmp_path: Path) -> None:
    text = markdown(document)
    for segment in SEGMENTS:
        assert f"## {segment.replace('_', ' ').capitalize()}: " in text
    assert "| Häufig | retriever |" in text
    assert "configurations that ever saw the test window: 2" in text
    assert [table.row_count for table in render_tables(document)] == [2] * len(SEGMENTS)
    forest_plot(document, tmp_path / "models.png", segments=["all", "repeats"])
    assert (tmp_path / "models.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["models.png"]


def test_the_order_of_batches_does_not_matter(evaluation: Evaluation) -> None:
    models = [RetrieverModel(Frequency("Häufig", ITEMS))]
    found = evaluate(models, batches()[::-1], DATASET, Snapshots(ITEMS), held_out=HELD_OUT)
    for metric in COLUMN:
        for segment in SEGMENTS:
            mine, theirs = (e.value("Häufig", metric, segment) for e in (found, evaluation))
            assert mine == pytest.approx(theirs, nan_ok=True)


def test_what_happens_after_a_cadence_moves_nothing_in_it(evaluation: Evaluation) -> None:
    second = to_micros(TEST + DATASET.windows.cadence)
    cut = DATASET.before(second)
    models = [RetrieverModel(Scorer("first_items", ITEMS), "baseline"), RetrieverModel(Frequency("Häufig", ITEMS))]
    first_week = batches_in(cut, TEST, TEST + cut.windows.cadence, seed=1, held_out=HELD_OUT)
    found = evaluate(models, first_week, cut, Snapshots(ITEMS), held_out=HELD_OUT)
    for name, results in found.segments.items():
        whole = evaluation.segments[name]
        assert (whole.moment < second)[: len(results)].all()
        for model, scores in results.models.items():
            metrics = whole.models[model].metrics[: len(results)]
            assert np.array_equal(scores.metrics, metrics, equal_nan=True)
