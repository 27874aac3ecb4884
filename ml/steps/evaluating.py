"""Judging a training on its test window, and the leaderboard that comes of it."""

from pathlib import Path
from typing import Any

from ml.artifacts import build, read_json, write_json
from ml.data.dataset import Dataset
from ml.errors import RunFailed
from ml.evaluation.eligible import EligibleModel
from ml.evaluation.evaluation import Evaluation
from ml.evaluation.judging import evaluate as judge_models
from ml.evaluation.leaderboard import leaderboard as leaderboard_of
from ml.evaluation.leaderboard import split_of
from ml.evaluation.plots import forest_plot
from ml.evaluation.protocol import Rankable
from ml.evaluation.rendering import markdown
from ml.evaluation.replay import ReplayedFusion, ReplayedRecommender, ReplayedRetriever
from ml.reranking.eligibility import ItemsSeen
from ml.settings import settings
from ml.steps.ledger import configurations_that_saw
from ml.steps.record import recorded
from ml.steps.training import ranker_of, rankings_of, trained_retrievers
from ml.steps.workbench import HELD_OUT_SHARE, evaluation_inputs, workbench_of
from ml.tracking import runs

RECOMMENDER = "slate"  # the composed recommender's name in the table
ELIGIBLE = "eligible_slate"  # the same without what the domain's rules forbid
FUSION = "rank_fusion"  # the same candidates, ordered without learning: what the learned ranker adds to
Training = dict[str, Any]


@recorded("evaluate")
def evaluate(training: Training) -> dict[str, Any]:
    """Judge every model of a training on the test window; the training's MLflow run ends with its metrics.

    Returns:
        `path` of the artifact (arrays of every case, the leaderboard, its plots), and the recommender's nDCG@10 by
        segment with its difference from the best baseline.
    """
    domain = training["domain"]
    folder = build("evaluation", evaluation_inputs(training), lambda made: _judge(training, made))
    board = read_json(folder / "leaderboard.json")
    window = board["split"]["windows"]["test"]
    board["split"]["configurations_that_saw_the_test"] = configurations_that_saw(domain, window, [training])
    write_json(_pointer(domain), board)
    rows = [row for row in board["rows"] if row["model"] == RECOMMENDER]
    metrics = {
        f"test_{row['segment']}_{name}": value["mean"]
        for row in rows
        for name, value in row["metrics"].items()
        if value["mean"] is not None
    }
    runs.log_result(training["parent_run"], metrics, files=[folder / "leaderboard.png", folder / "leaderboard.md"])
    runs.close_training(training["parent_run"])
    shown = {row["segment"]: _headline(row) for row in rows}
    return {"domain": domain, "path": str(folder), "model": RECOMMENDER, "ndcg@10": shown}


def leaderboard(domain: str) -> dict[str, Any]:
    """The last evaluation's leaderboard: `split`, and `rows`, one a segment and model."""
    path = _pointer(domain)
    if not path.exists():
        raise RunFailed(f"{domain} has no evaluation yet. Run: slate train --domain {domain}, then slate evaluate")
    document: dict[str, Any] = read_json(path)
    return document


def write_leaderboard(document: dict[str, Any], folder: Path) -> None:
    """Write a leaderboard as a page, `leaderboard.md`, and a picture, `images/leaderboard.png`."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    forest_plot(document, folder / "images" / "leaderboard.png")
    page = f"# Leaderboard\n\n![nDCG@10 by segment](images/leaderboard.png)\n\n{markdown(document)}\n"
    (folder / "leaderboard.md").write_text(page, encoding="utf-8")


def _judge(training: Training, folder: Path) -> dict[str, Any]:
    bench = workbench_of(training)
    rankings = {name: rankings_of(training, name) for name in trained_retrievers(training)}
    models: list[Rankable] = [
        ReplayedRetriever(name, "baseline" if name in training["baselines"] else "retriever", found)
        for name, found in rankings.items()
    ]
    candidates = {name: rankings[name] for name in training["models"]}
    recommender = ranker_of(training)
    models += [
        ReplayedFusion(FUSION, "ranker", recommender, candidates),
        ReplayedRecommender(RECOMMENDER, "recommender", recommender, candidates),
    ]
    if bench.dataset.domain.eligibility.rules:
        models.append(eligible(models[-1], bench.dataset))
    found = judge_models(models, bench.batches["test"], bench.dataset, bench.features, held_out=bench.held_out)
    found.save(folder / "cases")
    board = _board_of(found, training, bench.dataset.windows)
    write_json(folder / "leaderboard.json", board)
    (folder / "leaderboard.md").write_text(markdown(board) + "\n", encoding="utf-8")
    forest_plot(board, folder / "leaderboard.png")
    return {"segments": {name: len(results) for name, results in found.segments.items()}}


def eligible(recommender: Rankable, dataset: Dataset) -> EligibleModel:
    """The recommender without what the domain's rules forbid."""
    items = ItemsSeen.of(dataset.catalogue, dataset.item_facts)
    return EligibleModel(recommender, dataset.domain.eligibility, items, ELIGIBLE)


def _board_of(found: Evaluation, training: Training, windows: Any) -> dict[str, Any]:
    split = split_of(windows, seed=training["seed"], held_out_share=HELD_OUT_SHARE)
    asked = {name: training[name] for name in ("inputs", "outputs")}
    return leaderboard_of(found, {**split, **asked}, seed=training["seed"])


def _headline(row: dict[str, Any]) -> dict[str, Any]:
    return {**row["metrics"]["ndcg@10"], "versus_best_baseline": row["versus_best_baseline"].get("ndcg@10")}


def _pointer(domain: str) -> Path:
    return settings().domain_path("current", domain) / "leaderboard.json"
