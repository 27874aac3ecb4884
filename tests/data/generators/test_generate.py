"""What is written, where, and that it depends on the arguments alone."""

import hashlib

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
