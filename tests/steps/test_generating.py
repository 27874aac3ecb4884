"""A domain's own raw files: made by its generator, found by its landing."""

from pathlib import Path

import pytest

from ml.data.landing import partitions
from ml.domains import DOMAINS, Domain, get_domain
from ml.errors import BadInput
from ml.steps.generating import generate, raw_folder
from ml.steps.landing import land

NAME = "lender"


@pytest.fixture(autouse=True)
def lender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Domain:
    """A domain whose loader needs a folder, and whose generator makes one."""
    monkeypatch.setenv("SLATE_HOME", str(tmp_path / "home"))
    changed = {"name": NAME, "loader": "santander", "generator": "santander"}
    domain = get_domain("retail").model_copy(update=changed)
    monkeypatch.setitem(DOMAINS, NAME, domain)
    return domain


def test_what_was_generated_lands_without_another_word() -> None:
    made = generate(NAME, customers=60, seed=7, months=3)
    assert made["folder"] == str(raw_folder(NAME))
    assert made["rows"]["train_ver2.csv"] > 60
    summary = land(NAME)
    assert (summary["source"], summary["tables"]["items"]["rows"]) == ("santander", 24)
    assert {part.slice[:7] for part in partitions(NAME, "interactions")} == {"2015-01", "2015-02", "2015-03"}
    assert {part.slice for part in partitions(NAME, "user_states")} == {"2015-01", "2015-02", "2015-03", "2015-04"}
    again = land(NAME)
    assert sum(table["new"] for table in again["tables"].values()) == 0


def test_another_folder(tmp_path: Path) -> None:
    made = generate(NAME, customers=5, seed=7, months=3, out=tmp_path / "elsewhere" / "bank")
    assert made["folder"] == str(tmp_path / "elsewhere" / "bank")
    assert (tmp_path / "elsewhere" / "bank" / "train_ver2.csv").exists()
    assert not raw_folder(NAME).exists()


def test_without_files_both_ways_to_some_are_named() -> None:
    with pytest.raises(BadInput, match=f"slate generate {NAME}.*--data-folder"):
        land(NAME)
    assert partitions(NAME) == []


def test_a_loader_without_a_generator_asks_for_the_folder(lender: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DOMAINS, NAME, lender.model_copy(update={"generator": None}))
    with pytest.raises(BadInput, match="santander needs the folder of its files: give --data-folder"):
        land(NAME)


def test_what_was_generated_is_no_other_domains_default() -> None:
    raw_folder("retail").mkdir(parents=True)
    with pytest.raises(BadInput, match="give --data-folder"):
        land("retail", source="santander")


def test_a_domain_without_a_generator_says_what_to_do() -> None:
    with pytest.raises(BadInput, match=r"retail has no generator.*slate land --domain retail.*--mapping"):
        generate("retail", customers=5, seed=7)


def test_another_bank_does_not_take_the_place_of_one() -> None:
    generate(NAME, customers=5, seed=7, months=3)
    with pytest.raises(BadInput, match="remove it, or choose another folder"):
        generate(NAME, customers=5, seed=8, months=3)
