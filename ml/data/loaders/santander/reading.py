"""One raw value of a snapshot as SQL: the text that is there, its typed value, and what was mended on the way.

A reader of a column takes the raw file as `raw`, all of whose columns are text.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ml.data.loaders.files import column_expression
from ml.data.loaders.santander.columns import (
    CUSTOMER,
    FLAGS_LEFT_OUT,
    KINDS,
    MOST_MONTHS,
    PROVINCE,
    SENIORITY,
    SNAPSHOT,
    UNKNOWN_SENIORITY,
    Kind,
)
from ml.data.sql import literal

REQUIRED = (SNAPSHOT, CUSTOMER)
FRACTION = ".0"


@dataclass(frozen=True)
class Reading:
    """How one column is read; all are SQL expressions over one raw row.

    Attributes:
        typed: The value, null where it is missing or unreadable.
        unreadable: True where the row cannot be landed: what is there has no meaning, or what must be there is not.
        repairs: By what was mended: true where it was.
    """

    column: str
    typed: str
    unreadable: str
    repairs: Mapping[str, str]


def reading(column: str, latin: bool = False, provinces: Mapping[str, str] | None = None) -> Reading:
    """How a column of this name is read.

    Args:
        latin: Whether the file is in Latin-1 rather than UTF-8.
        provinces: Names of provinces that were decoded wrongly before they were written, with what they mean.
    """
    raw, kind = column_expression(column), KINDS[column]
    present = f"nullif(nullif(trim({raw}), ''), 'NA')"
    typed = _typed(present, kind)
    unreadable = f"({typed} IS NULL)" if column in REQUIRED else f"({present} IS NOT NULL AND {typed} IS NULL)"
    repairs = {"padded text": f"{raw} <> trim({raw})"}
    if kind in (Kind.CODE, Kind.WHOLE, Kind.MONTHS, Kind.YES_NO, Kind.FLAG):
        repairs["written as 1.0"] = f"suffix({present}, {literal(FRACTION)})"
    if kind is Kind.FLAG:
        return _flag(column, present, typed, repairs)
    if column not in REQUIRED:
        repairs["missing"] = f"{present} IS NULL"
    if column == SENIORITY:
        repairs[f"{UNKNOWN_SENIORITY}, unknown"] = f"{typed} = {UNKNOWN_SENIORITY}"
        typed = f"nullif({typed}, {UNKNOWN_SENIORITY})"
    if column == PROVINCE:
        typed, mended = _province(raw, typed, latin, provinces or {})
        repairs |= mended
    return Reading(column, typed, unreadable, repairs)


def _flag(column: str, present: str, typed: str, repairs: dict[str, str]) -> Reading:
    if column not in FLAGS_LEFT_OUT:
        return Reading(column, typed, f"({typed} IS NULL)", repairs)
    repairs["missing, taken for not owned"] = f"{present} IS NULL"
    unreadable = f"({present} IS NOT NULL AND {typed} IS NULL)"
    return Reading(column, f"coalesce({typed}, false)", unreadable, repairs)


def _province(raw: str, typed: str, latin: bool, provinces: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    arms = " ".join(f"WHEN {literal(wrong)} THEN {literal(right)}" for wrong, right in provinces.items())
    mended = {"decoded wrongly at the source": misdecoded(raw)}
    if latin:
        mended["in Latin-1"] = f"strlen({raw}) <> length({raw})"  # bytes in UTF-8 against letters
    return f"CASE {typed} {arms} ELSE {typed} END" if arms else typed, mended


def _typed(present: str, kind: Kind) -> str:
    """The typed value of text that is there; DuckDB's casts alone would take 3.7 for 4 and 2015/01/28 for a date."""
    code = f"CASE WHEN suffix({present}, {literal(FRACTION)}) THEN {present}[:-3] ELSE {present} END"
    whole = f"(CASE WHEN NOT contains({code}, '.') THEN TRY_CAST({code} AS INTEGER) END)"
    months = f"{whole} BETWEEN 0 AND {MOST_MONTHS} OR {whole} = {UNKNOWN_SENIORITY}"
    number = f"TRY_CAST({present} AS DOUBLE)"
    return {
        Kind.TEXT: present,
        Kind.CODE: f"({code})",
        Kind.WHOLE: whole,
        Kind.MONTHS: f"(CASE WHEN {months} THEN {whole} END)",
        Kind.NUMBER: f"(CASE WHEN isfinite({number}) THEN {number} END)",
        Kind.YES_NO: f"(CASE {code} WHEN 'S' THEN true WHEN '1' THEN true WHEN 'N' THEN false WHEN '0' THEN false END)",
        Kind.FLAG: f"(CASE {code} WHEN '1' THEN true WHEN '0' THEN false END)",
        Kind.DATE: f"(CASE WHEN {present}[5] = '-' AND length({present}) = 10 THEN TRY_CAST({present} AS DATE) END)",
    }[kind]


def misdecoded(raw: str) -> str:
    """True where a text was UTF-8 and taken for Latin-1: its accented letters are two then, the second no ASCII."""
    return f"regexp_matches({raw}, 'Ã[^ -~]')"


def mended_text(wrong: str) -> str | None:
    """What a text meant that was UTF-8 and taken for Latin-1 (or Windows' variant of it); None if it was not.

    >>> mended_text("CORUÃ‘A, A")
    'CORUÑA, A'
    """
    for encoding in ("cp1252", "latin-1"):
        try:
            return wrong.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return None
