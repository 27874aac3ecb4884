"""Customer-product samples: what is read, how customers are split, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.data.samples import load_samples, samples_of
from ml.errors import BadInput

FRAME = pd.DataFrame(
    {
        "customer": [7, 7, 5, 5],
        "product": ["loan", "card", "card", "loan"],
        "label": [1, 0, 1, 0],
        "customer_segment": ["x", "x", None, None],
        "customer_income": [10.0, 10.0, np.nan, np.nan],
        "product_risk": [3, 1, 1, 3],
        "product_insured": [True, False, False, True],
        "product_launched_at": pd.to_datetime(["1970-01-03", "1970-01-02", "1970-01-02", "1970-01-03"]),
    }
)


def many(customers: int) -> pd.DataFrame:
    """Every customer wants one of two products."""
    customer = np.repeat(np.arange(customers), 2)
    product = np.tile([0, 1], customers)
    return pd.DataFrame(
        {
            "customer": customer, "product": product, "label": (customer % 2 == product).astype(int),
            "customer_odd": customer % 2, "product_number": product,
        }
    )  # fmt: skip


def test_customers_and_products_are_numbered_with_their_attributes():
    samples = samples_of(FRAME, "it")
    assert samples.customer.tolist() == [1, 1, 0, 0]
    assert samples.product.tolist() == [1, 0, 0, 1]
    assert samples.label.tolist() == [True, False, True, False]
    assert {name: fact.kind for name, fact in samples.customers.facts.items()} == {
        "customer_segment": "category",
        "customer_income": "number",
    }
    assert samples.customers.text("customer_segment", 1) == "x"
    assert samples.customers.text("customer_segment", 0) is None
    assert np.isnan(samples.customers.column("customer_income")[0])
    assert {name: fact.kind for name, fact in samples.products.facts.items()} == {
        "product_risk": "number",
        "product_insured": "flag",
        "product_launched_at": "moment",
    }
    assert samples.products.values.tolist() == [[1, 0, 1], [3, 1, 2]]
    assert [row.tolist() for row in samples.positives] == [[0], [1]]


def test_the_order_and_the_numbers_of_the_rows_do_not_matter():
    shuffled = FRAME.iloc[[2, 0, 3, 1]]
    one, other = samples_of(FRAME, "it"), samples_of(shuffled, "it")
    np.testing.assert_array_equal(one.products.values, other.products.values)
    np.testing.assert_array_equal(one.customers.values, other.customers.values)


def test_a_file_is_read_as_its_table(tmp_path):
    FRAME.to_parquet(tmp_path / "pairs.parquet")
    np.testing.assert_array_equal(load_samples(tmp_path / "pairs.parquet").label, samples_of(FRAME, "it").label)


@given(customers=st.integers(8, 60), seed=st.integers(0, 9))
def test_no_customer_is_in_both_halves_and_everybody_tested_wanted_something(customers, seed):
    samples = samples_of(many(customers).assign(customer_number=np.repeat(np.arange(customers), 2)), "it")
    train, test = samples.split(seed)
    numbers = [set(half.customers.column("customer_number").tolist()) for half in (train, test)]
    assert numbers[0] | numbers[1] == set(range(customers))
    assert not numbers[0] & numbers[1]
    assert test.positives.lengths.all()
    for half in (train, test):  # a customer's rows and attributes still belong together
        wanted = half.customers.column("customer_odd")[half.customer] == half.product
        np.testing.assert_array_equal(wanted, half.label)


def test_the_split_follows_its_seed():
    samples = samples_of(many(40).assign(customer_number=np.repeat(np.arange(40), 2)), "it")
    one, again, other = (samples.split(seed)[1].customers.column("customer_number").tolist() for seed in (1, 1, 2))
    assert one == again != other


def test_customers_who_wanted_nothing_are_not_tested():
    frame = many(40)
    frame.loc[frame["customer"] < 20, "label"] = 0
    _, test = samples_of(frame, "it").split(3)
    assert 0 < len(test.customers) < 12


def test_too_few_customers_for_a_split_are_refused():
    frame = many(2)
    frame.loc[frame["customer"] == 0, "label"] = 1  # whoever is tested, the other lacks a label or so do they
    frame.loc[frame["customer"] == 1, "label"] = 0
    with pytest.raises(BadInput, match="hand in more customers"):
        samples_of(frame, "it").split(1)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (FRAME.drop(columns="label"), ("column label is missing", "add it")),
        (FRAME.drop(columns="customer"), ("column customer is missing",)),
        (FRAME.iloc[:0], ("no rows", "each label")),
        (FRAME.assign(label=[1, 0, 2, 0]), ("row 2", "label is", "write 0 or 1")),
        (FRAME.assign(label=["yes", "no", "yes", "no"]), ("row 0", "label is yes", "write 0 or 1")),
        (FRAME.assign(label=1), ("every label is 1", "both labels")),
        (FRAME.assign(label=0), ("every label is 0", "both labels")),
        (FRAME.iloc[:2], ("one customer", "two at least")),
        (FRAME.assign(product="card"), ("row 1", "there twice")),
        (FRAME.assign(product_risk=[3, 1, 2, 3]), ("row 2", "product card", "same product_…")),
        (FRAME.assign(customer_income=[1, 2, 3, 3.0]), ("row 1", "customer 7", "same customer_…")),
        (FRAME.assign(product_risk=[np.inf, 1, 1, np.inf]), ("product_risk is infinite", "row 0")),
        (FRAME.drop(columns=["customer_segment", "customer_income"]), ("no column customer_…", "add at least one")),
        (FRAME.assign(product=["loan", None, "card", "loan"]), ("row 1", "product is empty")),
    ],
)
def test_bad_files_are_refused_with_their_place_and_a_remedy(frame, said, tmp_path):
    frame.to_parquet(tmp_path / "pairs.parquet")
    with pytest.raises(BadInput) as refused:
        load_samples(tmp_path / "pairs.parquet")
    for word in ("pairs.parquet", *said):
        assert word in str(refused.value)


def test_lists_and_mixed_values_are_categories():
    samples = samples_of(FRAME.assign(product_uses=[["a"], ["b"], ["b"], ["a"]], customer_mixed=[1, 1, "x", "x"]), "it")
    assert samples.products.text("product_uses", 0) == "['b']"
    assert samples.customers.text("customer_mixed", 1) == "1"


def test_labels_may_be_flags_or_have_a_decimal_point():
    for label in (FRAME["label"].astype(bool), FRAME["label"].astype(float), FRAME["label"].astype("Int64")):
        assert samples_of(FRAME.assign(label=label), "it").label.tolist() == [True, False, True, False]
