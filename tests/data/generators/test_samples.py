"""Samples of the generated bank: what customers own, as many products that they do not, and no telltale column."""

import pandas as pd
import pytest

from ml.data.generators.santander.facts import FLAGS
from ml.data.generators.santander.samples import draw_samples
from ml.data.samples import samples_of

ROWS = 2_000


@pytest.fixture(scope="module")
def drawn(bank) -> pd.DataFrame:
    return draw_samples(bank, samples=ROWS, seed=3)


def test_about_as_many_rows_as_asked_for(drawn):
    assert ROWS - 2 * len(FLAGS) <= len(drawn) <= ROWS


def test_half_of_each_customers_rows_are_owned(drawn):
    assert (drawn.groupby("customer")["label"].mean() == 0.5).all()


def test_labels_are_what_the_last_snapshot_shows(drawn, query):
    flags = ", ".join(f'"{flag}"' for flag in FLAGS)
    last = query(f"SELECT ncodpers, {flags} FROM snapshots WHERE fecha_dato = (SELECT max(fecha_dato) FROM snapshots)")
    held = {(int(row[0]), flag) for row in last for flag, value in zip(FLAGS, row[1:], strict=True) if value == "1"}
    for customer, product, label in drawn[["customer", "product", "label"]].itertuples(index=False):
        assert ((customer, product) in held) == bool(label)
    positives = {pair for pair in held if pair[0] in set(drawn["customer"])}
    assert len(positives) == drawn["label"].sum()  # all that they own


def test_the_same_seed_draws_the_same_rows(bank, drawn):
    pd.testing.assert_frame_equal(draw_samples(bank, samples=ROWS, seed=3), drawn)
    assert set(draw_samples(bank, samples=ROWS, seed=4)["customer"]) != set(drawn["customer"])


def test_they_can_be_learned_from(drawn):
    samples = samples_of(drawn, "drawn")
    assert len(samples) == len(drawn)
    train, test = samples.split(1)
    assert len(train.customers) > len(test.customers) > 100


def test_no_column_follows_from_the_label_or_is_protected(drawn):
    told = ("utilisation", "loan", "instalment", "score", "activ", "sex", "nation", "country", "foreign", "_age")
    columns = [name for name in drawn.columns if name.startswith("customer_")]
    assert [name for name in columns for word in told if word in name] == []
    assert "customer_minor" in columns


def test_a_bank_smaller_than_asked_for_gives_what_it_has(bank):
    everybody = draw_samples(bank, samples=10**7, seed=3)
    assert 10_000 < len(everybody) < 10**6
