"""Readable names for Complete Journey's products, which the source knows only by capitals and abbreviations."""

import re

import duckdb

ABBREVIATIONS = {
    "BEERALEMALT": "beer, ale and malt", "BGD": "bagged", "BRD": "bread", "BTL": "bottles",
    "BULK&BAG": "bulk or bag", "CAN CAR": "cans", "CAN CARB": "cans", "CAN": "canned", "CARB INCL": "carbonated",
    "CARB": "carbonated", "CATFD": "cat food", "CHICK": "chicken", "CHOC": "chocolate", "CHOCOCLATE": "chocolate",
    "CND": "canned", "CNDLES": "candles", "CNTRL": "control", "DAIRY CASE": "chilled", "DNRS": "dinners",
    "DOGFD": "dog food", "DRNK": "drinks", "FD": "food", "FEM.": "feminine", "FLVR": "flavoured", "FRZ": "frozen",
    "FRZN": "frozen", "FS": "french-style", "GRND": "ground", "HYGN.": "hygiene ", "JCE": "juice", "MLK": "milk",
    "MLT-PK": "multi-pack", "PKG": "packaged", "PLSTC": "plastic", "PPK": "pre-packed", "PREM": "premium",
    "PREP": "prepared", "PREPORTND": "portioned", "PRPCK": "pre-packed", "PRSLC": "pre-sliced", "PWDRS": "powders",
    "REFRIG": "refrigerated", "RTS": "ready-to-serve", "SAUCESSALSAPICANTEE": "sauces, salsa, picante",
    "SAUS": "sausage", "SFT": "soft", "SGL": "single", "SNGL": "single", "SPECILATY": "speciality", "SRV": "serve",
    "SS": "single-serve", "STK": "stick", "SUP": "super", "SV": "serve", "SW GDS": "sweet goods",
    "VAC PAC": "vacuum-packed", "W/": "with ", "WHL": "whole", "WT": "weight",
}  # fmt: skip
UNITS = {"GA": "gal", "ML": "ml", "L": "L"}
SOURCE_LETTERS = 30  # the source cuts its texts here

_ABBREVIATION = re.compile(
    "|".join(rf"(?<![A-Z]){re.escape(short)}(?![A-Z])" for short in sorted(ABBREVIATIONS, key=len, reverse=True))
)


def readable_name(
    product_type: str | None, category: str | None, package_size: str | None, brand: str | None
) -> str | None:
    """A product's name for people: what it is, how much of it, and whether it is the store's own brand.

    A type of one word may say little by itself (`PREMIUM`, `LEAN`) and is put under its category.

    >>> readable_name("FLUID MILK WHITE ONLY", "FLUID MILK PRODUCTS", "1 GA", "Private")
    'Fluid milk white only, 1 gal, store brand'
    >>> readable_name("LEAN", "BEEF", None, "National")
    'Beef: lean'
    """
    parts = [product_type or category]
    if product_type and category and " " not in product_type and product_type[:4] != category[:4]:
        parts.insert(0, category)
    name = ": ".join(_spelt_out(part) for part in parts if part)
    size = " ".join(UNITS.get(word, word.lower()) for word in (package_size or "").split())
    whole = ", ".join(part for part in (name, size, "store brand" if brand == "Private" else "") if part)
    return whole[:1].upper() + whole[1:] if name else None


def _spelt_out(text: str) -> str:
    """Lower case, abbreviations spelt out, spaces set, without what the source has cut in half."""
    if text.count("(") > text.count(")"):
        text = re.sub(r"\s*\([^)]*$", "", text)
    if len(text) == SOURCE_LETTERS:
        text = re.sub(r"[ /-]+[A-Z]$", "", text)
    text = _ABBREVIATION.sub(lambda found: ABBREVIATIONS[found[0]], text)
    text = re.sub(r"\s*([:;])\s*", r"\1 ", re.sub(r"\s*&\s*", " & ", text))
    return " ".join(text.split()).strip(" -/:").lower()


def create_table(connection: duckdb.DuckDBPyConnection, name: str, products: str) -> None:
    """Make a temporary table (product_id, name) for the products of a table or view."""
    rows = connection.execute(
        f"SELECT product_id, product_type, coalesce(product_category, department), package_size, brand FROM {products}"
    ).fetchall()
    connection.execute(
        f"CREATE TEMP TABLE {name} AS SELECT unnest(?::BIGINT[]) AS product_id, unnest(?::VARCHAR[]) AS name",
        [[row[0] for row in rows], [readable_name(*row[1:]) for row in rows]],
    )
