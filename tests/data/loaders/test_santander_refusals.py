"""What stops a landing of Santander's files: told with file, column, rows and remedy, and nothing lands."""

from pathlib import Path

import pytest
from small_snapshots import (
    APRIL,
    CARD,
    COLUMNS,
    CURRENT,
    FEBRUARY,
    JANUARY,
    MARCH,
    PAYROLL,
    events,
    land,
    row,
    text,
    write,
)

from ml.data.landing import partitions
from ml.data.loaders import get_loader
from ml.data.loaders.santander.columns import PRODUCTS
from ml.errors import BadInput
from ml.steps.landing import land as land_step

pytestmark = pytest.mark.usefixtures("home")
GOOD = [row(JANUARY, 7, CURRENT), row(FEBRUARY, 7, CARD)]


def refused(folder: Path) -> str:
    """The message; checks that what had landed stands and nothing else has."""
    before = partitions("retail")
    with pytest.raises(BadInput) as caught:
        land(folder)
    assert partitions("retail") == before
    return str(caught.value)


def test_a_product_column_that_is_missing(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD, columns=[column for column in COLUMNS if column != CARD])
    assert refused(tmp_path).startswith(f"{path}: all rows: column {CARD!r} is missing. Name the 48 columns")


def test_a_product_column_that_is_unknown(tmp_path: Path) -> None:
    rows = [each | {"ind_crypto_ult1": "0"} for each in GOOD]
    write(tmp_path, rows, columns=[*COLUMNS, "ind_crypto_ult1"])
    assert "column 'ind_crypto_ult1' is unknown" in refused(tmp_path)


def test_a_product_column_that_was_renamed(tmp_path: Path) -> None:
    write(tmp_path, GOOD, columns=[column.replace("tjcr", "tarj") for column in COLUMNS])
    told = refused(tmp_path)
    assert f"column {CARD!r} is missing; column 'ind_tarj_fin_ult1' is unknown (did you mean {CARD!r}?)" in told


def test_a_customer_twice_in_a_month(tmp_path: Path) -> None:
    path = write(tmp_path, [row(JANUARY, 7), *GOOD, row(JANUARY, 8), row(JANUARY, 8, CARD)])
    told = refused(tmp_path)
    assert told == (
        f"{path}: column 'ncodpers': 2 customer(s) stand more than once in 2015-01, such as 7 "
        "(row 1 '7', row 2 '7'). Keep one row a customer and month"
    )


@pytest.mark.parametrize("column", ["fecha_dato", "fecha_alta", "ult_fec_cli_1t"])
@pytest.mark.parametrize("written", ["28/01/2015", "2015/01/28", "2015-28-01", "28-01-2015", "2015-01-28 00:00:00"])
def test_a_date_in_another_format(tmp_path: Path, column: str, written: str) -> None:
    path = write(tmp_path, [*GOOD, row(FEBRUARY, 8) | {column: written}])
    told = refused(tmp_path)
    assert told.startswith(f"{path}: column {column!r} is not a date such as 2015-01-28 in 1 rows (row 3 {written!r})")


@pytest.mark.parametrize(
    ("column", "written"),
    [
        ("fecha_dato", ""),
        ("ncodpers", ""),
        ("ncodpers", "7a"),
        ("age", "35.5"),
        ("antiguedad", "-5"),
        ("renta", "12,50"),
        ("indfall", "maybe"),
        (CARD, "2"),
        (CARD, ""),
        (PAYROLL, "yes"),
    ],
)
def test_a_value_without_meaning(tmp_path: Path, column: str, written: str) -> None:
    write(tmp_path, [*GOOD, row(FEBRUARY, 8) | {column: written}])
    told = refused(tmp_path)
    assert f"column {column!r} is not" in told
    assert "in 1 rows (row 3" in told


def test_a_missing_month(tmp_path: Path) -> None:
    path = write(tmp_path, [*GOOD, row(APRIL, 7), row(APRIL, 8)])
    told = refused(tmp_path)
    assert told.startswith(
        f"{path}: column 'fecha_dato': the 2 rows of 2015-04-28 follow those of 2015-02-28, with 1 month(s) missing"
    )


def test_two_snapshots_in_one_month(tmp_path: Path) -> None:
    write(tmp_path, [*GOOD, row("2015-02-27", 8)])
    assert "the 1 rows of 2015-02-28 follow a snapshot of 2015-02-27" in refused(tmp_path)


@pytest.mark.parametrize(("left", "is_refused"), [(50, True), (51, False)])
def test_half_of_the_rows(tmp_path: Path, left: int, is_refused: bool) -> None:
    months = ((JANUARY, 100), (FEBRUARY, 100), (MARCH, left))
    path = write(
        tmp_path, [row(day, customer, CURRENT) for day, customers in months[:2] for customer in range(customers)]
    )
    land(tmp_path)
    landed_before = partitions("retail")
    write(tmp_path, [row(day, customer, CURRENT) for day, customers in months for customer in range(customers)])
    if not is_refused:
        land(tmp_path)
        return
    told = refused(tmp_path)
    assert told.startswith(f"{path}: column 'fecha_dato': 2015-03 has 50 rows, after 100 in 2015-02: half of the cust")
    assert told.endswith("Export 2015-03 again, whole, or drop its rows and those after it")
    assert partitions("retail") == landed_before


def test_the_number_of_few_customers_is_left_to_chance(tmp_path: Path) -> None:
    write(tmp_path, [*(row(JANUARY, customer, CURRENT) for customer in range(49)), row(FEBRUARY, 7, CARD)])
    land(tmp_path)
    assert ("2015-02", "7", "add", CARD) in events()


def test_a_test_month_that_does_not_follow(tmp_path: Path) -> None:
    columns = [column for column in COLUMNS if column not in PRODUCTS]
    write(tmp_path, GOOD)
    write(tmp_path, [row(APRIL, 7)], "test_ver2.csv", columns=columns)
    assert "test_ver2.csv: column 'fecha_dato': the 1 rows of 2015-04-28" in refused(tmp_path)
    write(tmp_path, [row(FEBRUARY, 7)], "test_ver2.csv", columns=columns)
    assert "follow a snapshot of 2015-02-28 in train_ver2.csv" in refused(tmp_path)


def test_no_rows(tmp_path: Path) -> None:
    path = write(tmp_path, [])
    assert refused(tmp_path).startswith(f"{path}: has no rows")
    path.write_bytes(b"")
    assert "is empty" in refused(tmp_path)


def test_a_file_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "train_ver2.csv").write_text("user,item\n1,2\n", encoding="utf-8")
    assert "is none of Santander's files" in refused(tmp_path)


def test_a_row_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "train_ver2.csv"
    path.write_text(text(GOOD)[:-30] + "\n", encoding="utf-8")
    assert refused(tmp_path).startswith(f"{path}: cannot be read")


def test_a_packed_file_that_was_cut_off(tmp_path: Path) -> None:
    path = write(tmp_path, [row(JANUARY, customer) for customer in range(200)], "train_ver2.csv.gz")
    path.write_bytes(path.read_bytes()[:-40])
    assert refused(tmp_path).startswith(f"{path}: cannot be read")


def test_no_file_and_no_folder(tmp_path: Path) -> None:
    assert "train_ver2.csv: there is no such file. It comes from https://www.kaggle.com" in refused(tmp_path)
    (tmp_path / "train_ver2.csv.zip").touch()
    assert "Unzip train_ver2.csv.zip" in refused(tmp_path)
    assert "is no folder" in refused(tmp_path / "nowhere")
    with pytest.raises(BadInput, match="santander needs the folder of its files: give --data-folder"):
        get_loader("santander").open(None)


def test_a_source_that_brings_its_files_takes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="complete_journey brings its own files"):
        land_step("retail", data_folder=tmp_path)


def test_what_had_landed_stands_when_the_next_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    land(tmp_path)
    before = events()
    write(tmp_path, [*GOOD, row(MARCH, 7), row(MARCH, 7)])
    assert "stand more than once in 2015-03" in refused(tmp_path)
    assert events() == before


def test_nothing_landed_is_lost_whatever_is_wrong_with_the_next_file(tmp_path: Path) -> None:
    good = [row(day, customer, CURRENT) for day in (JANUARY, FEBRUARY) for customer in range(60)]
    write(tmp_path, good)
    land(tmp_path)
    before = events()
    assert len(before) == 60
    march = [row(MARCH, customer, CURRENT) for customer in range(60)]
    without_card = [column for column in COLUMNS if column != CARD]
    wrong = {
        "with 1 month(s) missing between": ([*good, row(APRIL, 7)], COLUMNS),
        f"column {CARD!r} is missing": ([*good, *march], without_card),
        "column 'ind_gold_ult1' is unknown": ([*good, *march], (*COLUMNS, "ind_gold_ult1")),
        "1 customer(s) stand more than once in 2015-03": ([*good, *march, row(MARCH, 7)], COLUMNS),
        "is not a date such as 2015-01-28": ([*good, row("28/03/2015", 7)], COLUMNS),
        "2015-03 has 30 rows, after 60 in 2015-02": ([*good, *march[:30]], COLUMNS),
    }
    for told, (rows, columns) in wrong.items():
        write(tmp_path, [{"ind_gold_ult1": "0"} | each for each in rows], columns=columns)
        assert told in refused(tmp_path)
        assert events() == before
    write(tmp_path, [*good, *march])
    assert land(tmp_path)["tables"]["interactions"] == {"rows": 60, "partitions": 3, "new": 1, "reused": 2}
