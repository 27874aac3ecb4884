"""Models of customer-product samples: each is fitted on some customers' samples and scores all products for others.

Shapes: N samples, R customers asked, P products, A columns of a customer, B of a product.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy.sparse import csr_array, hstack

from ml.data.arrays import Floats, Ints, Ragged
from ml.data.facts import FactTable
from ml.data.samples import Samples

if TYPE_CHECKING:
    from ml.retrieval.attribute_towers.encoding import FactEncoder

INVERSE_PENALTY = 0.03  # scikit-learn's C


class Score(Protocol):
    """What a fitted model is."""

    def __call__(self, customers: FactTable, products: FactTable) -> Floats:
        """(R, P) scores; higher is better."""


class Fit(Protocol):
    """How a model is fitted."""

    def __call__(self, train: Samples, *, seed: int, threads: int) -> Score:
        """Learn from samples."""


def two_tower(train: Samples, *, seed: int, threads: int) -> Score:
    """Both towers, on the positives; negatives are drawn from the other products of a batch and from all."""
    from ml.retrieval.attribute_towers.examples import Examples
    from ml.retrieval.attribute_towers.parameters import AttributeTowersParameters
    from ml.retrieval.attribute_towers.training import train as fit

    learned = train.of(np.flatnonzero(train.positives.lengths))
    nothing = Ragged.empty(len(learned.customers))
    examples = Examples(
        learned.customers, nothing, learned.products, learned.positives, nothing, np.zeros(len(nothing), np.int32)
    )
    towers, _ = fit(examples, AttributeTowersParameters(), seed=seed, threads=threads)

    def score(customers: FactTable, products: FactTable) -> Floats:
        catalogue = towers.catalogue(products)
        vectors = towers.user_vectors(customers, Ragged.empty(len(customers)), catalogue)
        return np.asarray(vectors @ catalogue.vectors.T)

    return score


def popularity(train: Samples, *, seed: int, threads: int) -> Score:  # noqa: ARG001 - nothing is drawn at random
    """How many customers wanted each product."""
    wanted = np.bincount(train.product[train.label], minlength=len(train.products)).astype(np.float32)

    def score(customers: FactTable, products: FactTable) -> Floats:  # noqa: ARG001 - the same for everybody
        return np.tile(wanted, (len(customers), 1))

    return score


def logistic_regression(train: Samples, *, seed: int, threads: int) -> Score:  # noqa: ARG001 - one optimum, one thread
    """P(label) by the same columns, encoded alike, and by each product of a customer's column and a product's.

    Without those products every customer would get one and the same order.
    """
    from sklearn.linear_model import LogisticRegression

    from ml.retrieval.attribute_towers.encoding import FactEncoder

    of_customer, of_product = FactEncoder.of(train.customers), FactEncoder.of(train.products)

    def crossed(customers: FactTable, products: FactTable, customer: Ints, product: Ints) -> csr_array:
        return _crossed(_columns(of_customer, customers)[customer], _columns(of_product, products)[product])

    columns = crossed(train.customers, train.products, train.customer, train.product)
    model = LogisticRegression(C=INVERSE_PENALTY, max_iter=2000).fit(columns, train.label)

    def score(customers: FactTable, products: FactTable) -> Floats:
        pairs = np.divmod(np.arange(len(customers) * len(products)), len(products))
        decided = model.decision_function(crossed(customers, products, *pairs))
        return np.asarray(decided, np.float32).reshape(len(customers), len(products))

    return score


MODELS: Mapping[str, Fit] = {
    "two_tower": two_tower,  # the one that the others are compared with
    "popularity": popularity,
    "logistic_regression": logistic_regression,
}


def _columns(encoder: "FactEncoder", table: FactTable) -> csr_array:
    """(N, A) numbers, which are unknown, and a column a text of each category."""
    facts = encoder(table, len(table))
    codes = facts.codes.numpy()
    known = [np.eye(count + 1, dtype=np.float32)[codes[:, place]] for place, count in enumerate(encoder.texts)]
    return csr_array(np.concatenate([facts.numbers.numpy(), facts.unknown.numpy(), *known], axis=1))


def _crossed(own: csr_array, other: csr_array) -> csr_array:
    """(N, A + B + A · B) both, and each column of the one times each of the other."""
    dense = other.toarray()
    products = [own.multiply(dense[:, [place]]) for place in range(dense.shape[1])]
    return hstack([own, other, *products], format="csr")
