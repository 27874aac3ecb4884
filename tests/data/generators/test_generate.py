"""What is written, where, and that it depends on the arguments alone."""

import csv
import hashlib

import pyarrow.parquet as pq
import pytest

from ml.data.generators import get_generator
from ml.data.generators.santander import generate
from ml.data.generators.santander.facts import CUSTOMER_COLUMNS, FLAGS
from ml.data.generators.santander.randomness import BLOCK
from ml.errors import BadInput


def digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_files_of_a_bank(tmp_path):
    summary = generate(tmp_path / "bank", customers=200, months=4, seed=7)
    assert set(digests(tmp_path / "bank")) == {
        "train_ver2.csv",
        "test_ver2.csv",
        "products.parquet",
        "finances.parquet",
        "site_sessions.parquet",
        "contacts.parquet",
        "applications.parquet",
        "branch_visits.parquet",
        "ceiling/rankings.parquet",
        "manifest.json",
    }
    lines = (tmp_path / "bank" / "train_ver2.csv").read_text().splitlines()
    assert lines[0].replace('"', "").split(",") == [*CUSTOMER_COLUMNS, *FLAGS]
    assert len(lines) - 1 == summary["rows"]["train_ver2.csv"] > 400
    assert summary["rows"]["products.parquet"] == len(FLAGS) == 24


def test_the_test_month_has_facts_alone(tmp_path):
    summary = generate(tmp_path / "bank", customers=300, months=3, seed=7)
    train, test = (
        list(csv.DictReader((tmp_path / "bank" / name).read_text(encoding="utf-8").splitlines()))
        for name in ("train_ver2.csv", "test_ver2.csv")
    )
    assert list(test[0]) == list(CUSTOMER_COLUMNS)
    assert {row["fecha_dato"] for row in test} == {"2015-04-28"}
    assert len(test) == summary["rows"]["test_ver2.csv"]
    march, april = ({row["ncodpers"] for row in rows if row["fecha_dato"] > "2015-03"} for rows in (train, test))
    assert len(march & april) > 0.95 * len(march)


def test_nothing_else_is_told_of_the_test_month(tmp_path):
    generate(tmp_path / "bank", customers=300, months=3, seed=7)
    times = {"finances": "month", "site_sessions": "started_at"}
    times |= dict.fromkeys(("contacts", "applications", "branch_visits"), "at")
    for name, time in times.items():
        latest = pq.read_table(tmp_path / "bank" / f"{name}.parquet").column(time).to_pylist()
        assert max(latest).isoformat() < "2015-03-29", name


def test_the_same_arguments_give_the_same_bytes(tmp_path):
    for name in ("first", "again"):
        generate(tmp_path / name, customers=300, months=4, seed=7)
    generate(tmp_path / "other", customers=300, months=4, seed=8)
    first, again, other = (digests(tmp_path / name) for name in ("first", "again", "other"))
    assert first == again
    assert {name for name in first if first[name] == other[name]} == {"products.parquet"}


def test_a_customer_depends_on_nobody_outside_the_block(tmp_path):
    for name, customers in (("one", BLOCK), ("more", BLOCK + 40)):
        generate(tmp_path / name, customers=customers, months=3, seed=7)
    one, more = (set((tmp_path / name / "train_ver2.csv").read_text().splitlines()) for name in ("one", "more"))
    assert one < more


def test_what_was_made_is_found_and_never_overwritten(tmp_path):
    folder = tmp_path / "bank"
    made = generate(folder, customers=50, months=3, seed=7)
    before = digests(folder)
    assert generate(folder, customers=50, months=3, seed=7) == made
    with pytest.raises(BadInput, match="choose another folder"):
        generate(folder, customers=50, months=3, seed=8)
    assert digests(folder) == before


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(BadInput, match="remove it, or choose another folder"):
        generate(tmp_path, customers=50, months=3, seed=7)
    assert (tmp_path / "mine.txt").read_text() == "kept"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"customers": 0}, "customers is 0"),
        ({"months": 2}, "months is 2"),
        ({"months": 18}, "months is 18"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_numbers_out_of_bounds(tmp_path, arguments, named):
    with pytest.raises(BadInput, match=named):
        generate(tmp_path / "bank", **{"customers": 50, "months": 3, "seed": 7, **arguments})
    assert not (tmp_path / "bank").exists()


def test_generators_are_found_by_name():
    assert get_generator("santander") is generate
    with pytest.raises(BadInput, match="no generator 'nowhere'; there are: santander"):
        get_generator("nowhere")
