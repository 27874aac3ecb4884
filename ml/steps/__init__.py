"""One public function a pipeline step: what a DAG task or a command calls.

Each is imported when it is first asked for: a step must not pay for the libraries of all the others.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "generate": "generating",
    "land": "landing",
    "land_served": "landing_served",
    "land_events": "landing_served",
    "land_impressions": "landing_served",
    "land_items": "landing_items",
    "validate_landing": "validating",
    "plan": "features",
    "prepare_build": "features",
    "build_features": "features",
    "document_marts": "features",
    "validate_marts": "validating",
    "publish_features": "features",
    "parity": "feature_parity",
    "features_as_of": "training_features",
    "search": "searching",
    "search_all": "searching",
    "search_sessions": "benchmark_searching",
    "search_baskets": "benchmark_searching",
    "start_training": "training",
    "last_training": "training",
    "trained_retrievers": "training",
    "train_retriever": "training",
    "train_ranker": "training",
    "train": "training",
    "fairness": "judging_fairness",
    "eligibility": "judging_eligibility",
    "evaluate": "evaluating",
    "publish": "publishing",
    "judge": "promotion",
    "promote": "promotion",
    "rollback": "promotion",
    "recommend_all": "batch",
    "explain": "explaining",
    "recommend": "recommending",
    "similar": "recommending",
    "compare_indexes": "recommending",
    "bench_ranker": "ranker_inference",
    "serve": "serving",
    "batch_slates": "batch_serving",
    "package": "packaging",
    "package_all": "packaging",
    "contact_list": "contacting",
    "bench_traces": "trace_benchmark",
    "bench_early_interest": "early_interest",
    "bench_sessions": "session_benchmark",
    "bench_hrnn": "hrnn_speed",
    "bench_users": "user_comparison",
    "bench_warm_start": "warm_start_benchmark",
    "bench_ceiling": "ceiling_benchmark",
    "bench_ablation": "ablation",
    "bench_two_tower": "two_tower_ablation",
    "bench_two_tower_samples": "two_tower_samples",
    "bench_baskets": "basket_benchmark",
    "bench_landing": "landing_benchmark",
    "bench_scale": "scale_benchmark",
    "bench_feedback_loop": "feedback_loop",
    "bench_online_users": "online_users_benchmark",
    "bench_serving": "serving_benchmark",
    "bench_soak": "serving_soak",
    "report": "reporting",
    "erase": "erasing",
    "erase_pending": "erasing",
    "traces_of": "erasing",
    "status": "standing",
    "leaderboard": "evaluating",
    "write_leaderboard": "evaluating",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"there is no step {name!r}; there are: {', '.join(_HOME)}")
    return getattr(import_module(f"ml.steps.{_HOME[name]}"), name)
