"""Customer-product samples in the shape of published two-tower examples: attributes of both, and one label.

Attributes that the label makes are left out: a card's utilisation, the amounts of loans, and the scores and the activity
that follow from them say who holds what. So are sex, nationality and age beyond the legal bound of 18 years, since
credit is among the products.
"""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from ml.data.generators.santander.facts import FLAGS
from ml.data.generators.santander.writing import SNAPSHOTS
from ml.data.sql import identifier


def draw_samples(folder: Path, *, samples: int, seed: int) -> pd.DataFrame:
    """Draw customers of the last snapshot: what they own with label 1, and as many products that they do not with 0.

    Args:
        folder: That the generator wrote.
        samples: Rows at most; whole customers, so that a few may be missing. A smaller bank gives fewer.
        seed: Of who is drawn, and of which products they do not own.

    Returns:
        `customer`, `product`, `label`, and the columns `customer_…` and `product_…`.
    """
    customers, held, products = _read(folder)
    random = np.random.default_rng(seed)
    rows = []
    left = samples
    for place in random.permutation(np.flatnonzero(held.any(axis=1))):
        owned, other = np.flatnonzero(held[place]), np.flatnonzero(~held[place])
        chosen = np.r_[owned, random.permutation(other)[: len(owned)]]
        if (left := left - len(chosen)) < 0:
            break
        rows += [(place, product, int(held[place, product])) for product in chosen]
    customer, product, label = np.array(rows, np.int64).reshape(-1, 3).T
    parts = (customers.iloc[customer], products.iloc[product])
    return pd.concat([part.reset_index(drop=True) for part in parts], axis=1).assign(label=label)


def _read(folder: Path) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    """Customers of the last snapshot, which products each holds (N, 24), and the products in the flags' order."""
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")  # it would stand in what a command prints
        paths = [str(folder / name) for name in (SNAPSHOTS, "finances.parquet")]
        customers = connection.execute(_customers_query(), paths).df()
        products = connection.execute("FROM read_parquet(?)", [str(folder / "products.parquet")]).df()
    held = customers[list(FLAGS)].to_numpy(bool)
    products = products.set_index("product").loc[list(FLAGS)].add_prefix("product_").reset_index()
    return customers.drop(columns=list(FLAGS)), held, products


def _customers_query() -> str:
    flags = ", ".join(
        f"coalesce(TRY_CAST(snapshot.{identifier(flag)} AS INTEGER), 0) = 1 AS {identifier(flag)}" for flag in FLAGS
    )
    return f"""
        WITH snapshots AS (FROM read_csv(?, all_varchar = true, header = true))
        SELECT
            ncodpers::BIGINT AS customer,
            (TRY_CAST(trim(age) AS INTEGER) < 18)::INTEGER AS customer_minor,
            CASE WHEN TRY_CAST(trim(antiguedad) AS INTEGER) >= 0 THEN TRY_CAST(trim(antiguedad) AS INTEGER) END
                AS customer_seniority_months,
            canal_entrada AS customer_channel,
            nomprov AS customer_province,
            segmento AS customer_segment,
            coalesce(income, TRY_CAST(renta AS DOUBLE)) AS customer_income,
            digital_engagement AS customer_digital_engagement,
            risk_tolerance AS customer_risk_tolerance,
            consent_email AS customer_consent_email,
            consent_phone AS customer_consent_phone,
            consent_post AS customer_consent_post,
            consent_app AS customer_consent_app,
            {flags}
        FROM snapshots AS snapshot
        LEFT JOIN read_parquet(?) AS finances
            ON finances.customer = ncodpers::BIGINT AND finances.month = fecha_dato::DATE
        WHERE fecha_dato = (SELECT max(fecha_dato) FROM snapshots)
        ORDER BY ncodpers::BIGINT
    """
