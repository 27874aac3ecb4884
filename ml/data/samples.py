"""Customer-product samples: attributes of customers and of products, and whether the one wanted the other.

A row is one pair: `customer`, `product`, `label` (0 or 1), the customer's attributes in columns `customer_…` and the
product's in columns `product_…`. Numbers, flags and moments are read as such, anything else as a category; an attribute
may be missing.

Shapes: N rows, U customers, P products.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from ml.data.arrays import Bools, Ints, Ragged
from ml.data.facts import DAY_US, UNKNOWN, FactTable
from ml.data.parquet import read_table
from ml.domains.facts import Fact
from ml.errors import BadInput

CUSTOMER, PRODUCT, LABEL = "customer", "product", "label"
TEST_SHARE = 0.3  # of the customers


@dataclass(frozen=True)
class Samples:
    """N pairs of U customers and P products."""

    customers: FactTable  # (U,)
    products: FactTable  # (P,)
    customer: Ints  # (N,)
    product: Ints  # (N,)
    label: Bools  # (N,)

    def __len__(self) -> int:
        return len(self.label)

    @cached_property
    def positives(self) -> Ragged:
        """(U) rows of the products that each customer wanted."""
        return Ragged.from_pairs(
            self.customer[self.label], self.product[self.label].astype(np.int32), len(self.customers)
        )

    def of(self, customers: Ints) -> "Samples":
        """The samples of these customers alone, numbered in this order; the products stay."""
        number = np.full(len(self.customers), -1)
        number[customers] = np.arange(len(customers))
        kept = number[self.customer] >= 0
        return Samples(
            self.customers.take(customers), self.products, number[self.customer[kept]], self.product[kept],
            self.label[kept],
        )  # fmt: skip

    def split(self, seed: int) -> tuple["Samples", "Samples"]:
        """Those to learn from and those to test on; no customer is in both, and all tested ones wanted something.

        Raises:
            BadInput: where a half would lack a label.
        """
        order = np.random.default_rng(seed).permutation(len(self.customers))
        tested = max(1, round(TEST_SHARE * len(order)))
        train, test = self.of(np.sort(order[tested:])), self.of(np.sort(order[:tested]))
        wanted = np.flatnonzero(test.positives.lengths)
        if not len(wanted) or train.label.all() or not train.label.any():
            raise BadInput(
                f"the samples of {len(order)} customers do not do for a split: {TEST_SHARE:.0%} of them must have a "
                f"label 1, and the others both labels: hand in more customers or choose another seed"
            )
        return train, test.of(wanted)


def load_samples(path: Path) -> Samples:
    """Read a Parquet file of samples; raises `BadInput` naming the file, the row, the field and the remedy."""
    return samples_of(read_table(path, (CUSTOMER, PRODUCT, LABEL), "at least one sample of each label"), str(path))


def samples_of(frame: pd.DataFrame, source: str) -> Samples:
    """The samples of a table.

    Args:
        frame: See the module.
        source: What errors call it.

    Raises:
        BadInput: names the source, the row, the field and the remedy.
    """
    label = _labels(frame, source)
    again = np.flatnonzero(frame.duplicated([CUSTOMER, PRODUCT]))
    if len(again):
        raise BadInput(f"{source}, row {again[0]}: this customer and product are there twice: keep one of the rows")
    customer, ids = pd.factorize(frame[CUSTOMER], sort=True)
    if len(ids) < 2:
        raise BadInput(
            f"{source}: all rows are of one customer: hand in two at least, one to learn from, one to test on"
        )
    product, _ = pd.factorize(frame[PRODUCT], sort=True)
    tables = [_attributes(frame, key, codes, source) for key, codes in ((CUSTOMER, customer), (PRODUCT, product))]
    return Samples(tables[0], tables[1], customer.astype(np.int64), product.astype(np.int64), label)


def _labels(frame: pd.DataFrame, source: str) -> Bools:
    values = pd.to_numeric(frame[LABEL], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    bad = np.flatnonzero(~np.isin(values, (0, 1)))
    if len(bad):
        raise BadInput(f"{source}, row {bad[0]}: label is {frame[LABEL].iloc[bad[0]]}: write 0 or 1")
    if len(np.unique(values)) < 2:
        raise BadInput(f"{source}: every label is {values[0]:.0f}: hand in samples of both labels, 0 and 1")
    found: Bools = values == 1
    return found


def _attributes(frame: pd.DataFrame, key: str, codes: Ints, source: str) -> FactTable:
    """The columns `<key>_…` as facts of each customer or product, which its rows must agree on."""
    names = [str(name) for name in frame.columns if str(name).startswith(f"{key}_")]
    if not names:
        raise BadInput(f"{source}: there is no column {key}_…: add at least one attribute, such as {key}_segment")
    attributes = frame[names].apply(_readable)
    distinct = attributes.astype(object).assign(**{key: codes}).drop_duplicates()
    differing = np.flatnonzero(distinct[key].duplicated())
    if len(differing):
        row = distinct.index[differing[0]]
        raise BadInput(
            f"{source}, row {row}: {key} {frame[key].loc[row]} has other attributes than in an earlier row: "
            f"write the same {key}_… values in all of its rows"
        )
    columns = attributes.loc[distinct.sort_values(key).index]
    return _table({name: columns[name] for name in names}, source)


def _readable(column: pd.Series) -> pd.Series:
    """Numbers, flags and moments as they are, anything else as text."""
    return column if _is_number(column) or _is_moment(column) else column.astype(str).where(column.notna())


def _is_number(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column))


def _is_moment(column: pd.Series) -> bool:
    return bool(pd.api.types.is_datetime64_any_dtype(column))


def _table(columns: dict[str, pd.Series], source: str) -> FactTable:
    values = np.full((len(next(iter(columns.values()))), len(columns)), UNKNOWN)
    facts, categories = {}, {}
    for place, (name, column) in enumerate(columns.items()):
        if _is_number(column) or _is_moment(column):
            facts[name], values[:, place] = _numbers(name, column, source)
        else:
            codes, texts = pd.factorize(column, sort=True)
            facts[name] = Fact(kind="category", description=f"Column {name}.")
            categories[name] = np.asarray(texts, object)
            values[:, place] = np.where(codes < 0, UNKNOWN, codes)
    return FactTable(facts, values, categories)


def _numbers(name: str, column: pd.Series, source: str) -> tuple[Fact, np.ndarray]:
    described = f"Column {name}."
    if _is_moment(column):
        moment = (
            column.dt.tz_localize(None) if column.dt.tz is None else column.dt.tz_convert("UTC").dt.tz_localize(None)
        )
        days = (moment - pd.Timestamp(0)) / pd.Timedelta(DAY_US, "us")
        return Fact(kind="moment", description=described), days.to_numpy(np.float32)
    found = column.to_numpy(np.float32, na_value=np.nan)
    infinite = np.flatnonzero(np.isinf(found))
    if len(infinite):
        raise BadInput(
            f"{source}, row {column.index[infinite[0]]}: {name} is infinite: write a number, or leave it empty"
        )
    return Fact(kind="flag" if pd.api.types.is_bool_dtype(column) else "number", description=described), found
