"""How hard the generated bank is: the ceiling, last month's popularity and logistic regression, by MAP@7.

Run it on a folder that the generator wrote: `python -m ml.data.generators.santander.difficulty FOLDER`.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.artifacts import read_json
from ml.data.arrays import Bools, Floats
from ml.data.generators.santander.panel import Panel, read_ceiling, read_panel

K = 7
QUIET = 0.1  # share of the customers who add nothing that logistic regression is fitted on, weighted to stand for all
INVERSE_PENALTY = 1.0  # scikit-learn's C


def average_precision(ranking: NDArray[np.int64], added: Bools) -> NDArray[np.float64]:
    """AP@7 as in the competition, (N,): 0 for a customer who adds nothing.

    Args:
        ranking: Products, best first, (N, at least 7).
        added: (N, 24).
    """
    hit = np.take_along_axis(added, ranking[:, :K], axis=1)
    precision = np.cumsum(hit, axis=1) / np.arange(1, K + 1)
    possible = np.minimum(np.maximum(added.sum(axis=1), 1), K)
    return np.asarray((precision * hit).sum(axis=1) / possible)


def measure_difficulty(folder: Path) -> dict[str, float]:
    """MAP@7 over the ceiling's months and over all customers who are in both snapshots.

    Returns:
        `ceiling`, `popularity`, `logistic_regression`, the latter two also as shares of the ceiling, `adding`: the
        share of customers who add something, and `customer_months`.
    """
    panel = read_panel(folder)
    ceiling = read_ceiling(folder, panel)
    regression = LogisticRegressions(panel, until=min(ceiling))
    precisions: dict[str, list[NDArray[np.float64]]] = {"ceiling": [], "popularity": [], "logistic_regression": []}
    adding = []
    for month, best in ceiling.items():
        both, added = panel.present[month] & panel.present[month + 1], panel.added(month + 1)
        last = np.broadcast_to(panel.added(month).sum(axis=0), added.shape)
        rankings = (best, _ranked(panel, month, last), _ranked(panel, month, regression.scores(month)))
        for found, ranking in zip(precisions.values(), rankings, strict=True):
            found.append(average_precision(ranking, added)[both])
        adding.append(np.asarray(added.any(axis=1))[both])
    means = {name: float(np.concatenate(found).mean()) for name, found in precisions.items()}
    shares = {f"{name}_share": means[name] / means["ceiling"] for name in ("popularity", "logistic_regression")}
    everyone = np.concatenate(adding)
    return {**means, **shares, "adding": float(everyone.mean()), "customer_months": len(everyone)}


def _ranked(panel: Panel, month: int, scores: NDArray[Any]) -> NDArray[np.int64]:
    """Products by their scores (N, 24), those that are held last."""
    return np.argsort(-np.where(panel.held[month], -np.inf, scores), axis=1, kind="stable")


class LogisticRegressions:
    """One logistic regression a product on simple observables, fitted on all months up to one."""

    def __init__(self, panel: Panel, until: int) -> None:
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        self._panel = panel
        features, added, held, weight = _training_rows(panel, until)
        self._scaler = StandardScaler().fit(features)
        scaled = self._scaler.transform(features)
        self._models = {}
        for product in range(added.shape[1]):
            free = ~held[:, product]
            if added[free, product].any():
                model = LogisticRegression(C=INVERSE_PENALTY, max_iter=1000)
                self._models[product] = model.fit(scaled[free], added[free, product], weight[free])

    def scores(self, month: int) -> NDArray[np.float64]:
        """P(added after this month), (N, 24); 0 for products that nobody had added."""
        scaled = self._scaler.transform(self._panel.features[month])
        scores = np.zeros(self._panel.held.shape[1:])
        for product, model in self._models.items():
            scores[:, product] = model.predict_proba(scaled)[:, 1]
        return scores


def _training_rows(panel: Panel, until: int) -> tuple[Floats, Bools, Bools, NDArray[np.float64]]:
    """Features, additions, products held and weights of the customer-months whose additions show up to a month."""
    random = np.random.default_rng(0)
    rows = []
    for month in range(until):
        both, added = panel.present[month] & panel.present[month + 1], panel.added(month + 1)
        adds: Bools = np.asarray(added.any(axis=1))
        taken = both & (adds | (random.random(len(adds)) < QUIET))
        weight = np.where(adds, 1.0, 1 / QUIET)
        rows.append((panel.features[month][taken], added[taken], panel.held[month][taken], weight[taken]))
    features, added, held, weight = (np.concatenate(part) for part in zip(*rows, strict=True))
    return features, added, held, weight


def main(folder: Path) -> None:
    """Print the table of docs/bank-data.md for one folder."""
    made = read_json(folder / "manifest.json")["inputs"]
    found = measure_difficulty(folder)
    cells = [f"{found[name]:.4f}" for name in ("adding", "ceiling", "popularity", "logistic_regression")]
    shares = [f"{found[name]:.1%}" for name in ("popularity_share", "logistic_regression_share")]
    sys.stdout.write(f"| {made['seed']} | {made['customers']:,} | {' | '.join(cells + shares)} |\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
