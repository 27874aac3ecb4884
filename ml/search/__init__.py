"""Searching parameters with Optuna, in studies that go on where a kill left them."""

from ml.search.space import searched_parameters
from ml.search.study import Trial, run_study

__all__ = ["Trial", "run_study", "searched_parameters"]
