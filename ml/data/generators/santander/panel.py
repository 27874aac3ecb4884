"""Reading a generated bank back as arrays, to measure how hard it is."""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ml.data.arrays import Bools, Floats, Ints
from ml.data.generators.santander.facts import FLAGS
from ml.data.generators.santander.months import snapshot_day
from ml.data.generators.santander.sessions import PAGES
from ml.data.generators.santander.writing import CEILING, SNAPSHOTS
from ml.data.sql import identifier

MONTH_OF_SESSION = "datediff('month', DATE '2015-01-01', started_at) + (day(started_at) > 28)::INTEGER"


@dataclass(frozen=True)
class Panel:
    """N customers over T months.

    Attributes:
        present: Who has a snapshot, (T, N).
        held: Products in it, (T, N, 24).
        features: Age, log income, seniority, segments, products held, views of each page, (T, N, F).
    """

    customer: Ints
    present: Bools
    held: Bools
    features: Floats

    def added(self, month: int) -> Bools:
        """What the snapshot of a month shows for the first time to those of the one before, (N, 24)."""
        both = self.present[month] & self.present[month - 1]
        return np.asarray(self.held[month] & ~self.held[month - 1] & both[:, None])


def read_panel(folder: Path) -> Panel:
    """The snapshots and page views of a folder that the generator wrote."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")  # it would stand in what a command prints
        rows = connection.execute(_snapshots_query(), [str(folder / SNAPSHOTS)]).fetchnumpy()
        views = connection.execute(_views_query(), [str(folder / "site_sessions.parquet")]).fetchnumpy()
    customer, who = np.unique(rows["customer"], return_inverse=True)
    months = int(rows["month"].max()) + 1
    place = (rows["month"], who)
    present = np.zeros((months, len(customer)), bool)
    present[place] = True
    held = np.zeros((*present.shape, len(FLAGS)), bool)
    held[place] = np.stack([rows[flag] for flag in FLAGS], axis=1) == 1
    simple = np.zeros((*present.shape, 6), np.float32)
    names = ("age", "income", "seniority", "top", "student", "active")
    simple[place] = np.stack([rows[name] for name in names], axis=1)
    return Panel(customer, present, held, np.concatenate([simple, held, _page_counts(views, customer, months)], axis=2))


def read_ceiling(folder: Path, panel: Panel) -> dict[int, NDArray[np.int64]]:
    """For each month before a tested one: the seven products of every customer, best first, (N, 7)."""
    table = pq.read_table(folder / f"{CEILING}.parquet")
    number = {flag: place for place, flag in enumerate(FLAGS)}
    product = [number[flag] for flag in table["products"].combine_chunks().flatten().to_pylist()]
    ranking = np.array(product).reshape(table.num_rows, -1)
    day, who = table["month"].to_numpy(), np.searchsorted(panel.customer, table["customer"].to_numpy())
    rankings = {}
    for month in range(len(panel.present)):
        rows = day == snapshot_day(month)
        if rows.any():
            rankings[month] = np.zeros((len(panel.customer), ranking.shape[1]), np.int64)
            rankings[month][who[rows]] = ranking[rows]
    return rankings


def _page_counts(views: dict[str, NDArray[np.generic]], customer: Ints, months: int) -> Floats:
    counts = np.zeros((months, len(customer), len(PAGES)), np.float32)
    pages = {page: number for number, page in enumerate(PAGES)}
    which = np.array([pages[str(page)] for page in views["page"]], np.int64)
    counts[views["month"], np.searchsorted(customer, views["customer"]), which] = views["views"]
    return counts


def _snapshots_query() -> str:
    flags = ", ".join(f"coalesce(TRY_CAST({identifier(flag)} AS INTEGER), 0) AS {identifier(flag)}" for flag in FLAGS)
    return f"""
        SELECT
            datediff('month', DATE '2015-01-01', fecha_dato::DATE) AS month,
            ncodpers::BIGINT AS customer,
            coalesce(TRY_CAST(trim(age) AS DOUBLE), 40) AS age,
            ln(coalesce(TRY_CAST(renta AS DOUBLE), 100000)) AS income,
            greatest(coalesce(TRY_CAST(trim(antiguedad) AS DOUBLE), 0), 0) AS seniority,
            coalesce(segmento LIKE '01%', false)::INTEGER AS top,
            coalesce(segmento LIKE '03%', false)::INTEGER AS student,
            coalesce(ind_actividad_cliente = '1', false)::INTEGER AS active,
            {flags}
        FROM read_csv(?, all_varchar = true, header = true)
    """


def _views_query() -> str:
    return f"""
        SELECT customer, {MONTH_OF_SESSION} AS month, page, count(*) AS views
        FROM read_parquet(?)
        WHERE page <> '/home'
        GROUP BY ALL
    """
