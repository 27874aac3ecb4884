"""The quirks of Santander's files: mended, counted by column, and told."""

import doctest
import logging
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_snapshots import (
    CARD,
    CURRENT,
    FEBRUARY,
    JANUARY,
    NO_FACTS,
    NOW,
    PAYROLL,
    PENSIONS,
    events,
    land,
    landed,
    row,
    states,
    write,
)

from ml.artifacts import read_json
from ml.data.landing import partitions
from ml.data.landing_writer import open_landing
from ml.data.loaders.santander import Repair, Repairs, reading, stage
from ml.data.loaders.santander.reading import mended_text
from ml.data.loaders.santander.repairs import total

pytestmark = pytest.mark.usefixtures("home")


def repairs_of(folder: Path) -> dict[str, dict[str, int]]:
    with open_landing("retail", "santander", NOW) as writer:
        return stage(writer, folder).by_column()


@pytest.mark.parametrize(
    ("column", "written", "fact", "landed_as", "repair"),
    [
        ("age", " 35", "age", 35, "padded text"),
        ("age", "35.0", "age", 35, "written as 1.0"),
        ("age", " NA", "age", None, "missing"),
        ("antiguedad", "-999999", "member_since", None, "-999999, unknown"),
        ("antiguedad", "-999999.0", "member_since", None, "written as 1.0"),
        ("antiguedad", "      6", "member_since", "2014-07", "padded text"),
        ("renta", "         NA", "income", None, "missing"),
        ("renta", "", "income", None, "missing"),
        ("indrel_1mes", "1.0", "relation_type", "1", "written as 1.0"),
        ("indrel_1mes", "1", "relation_type", "1", None),
        ("indrel_1mes", "P", "relation_type", "P", None),
        ("ind_nuevo", "1.0", "is_new", True, "written as 1.0"),
        ("conyuemp", "S", "is_spouse_of_employee", True, None),
        ("cod_prov", "08", "province_code", "08", None),
        ("nomprov", "MÁLAGA", "province", "MÁLAGA", None),
        ("nomprov", "CORUÃ‘A, A", "province", "CORUÑA, A", "decoded wrongly at the source"),
        ("nomprov", "CORU\u00c3\u0091A, A", "province", "CORUÑA, A", "decoded wrongly at the source"),
        ("canal_entrada", "", "joined_through", None, "missing"),
    ],
)
def test_a_quirk_is_mended_and_counted(
    tmp_path: Path, column: str, written: str, fact: str, landed_as: object, repair: str | None
) -> None:
    write(tmp_path, [row(JANUARY, 7, CURRENT, **{column: written})])
    land(tmp_path)
    ((_, _, facts),) = states()
    assert facts is not None
    assert facts.get(fact) == landed_as
    counted = repairs_of(tmp_path).get(column, {})
    assert (repair in counted) if repair else counted == {}
    assert set(counted.values()) <= {1}


def test_a_file_in_latin_1_is_read_as_such(tmp_path: Path) -> None:
    write(tmp_path, [row(JANUARY, 7, CURRENT), row(JANUARY, 8, nomprov="MADRID")], encoding="latin-1")
    assert repairs_of(tmp_path)["nomprov"] == {"in Latin-1": 1}
    land(tmp_path)
    assert [facts["province"] for _, _, facts in states() if facts] == ["CORUÑA, A", "MADRID"]


def test_flags_left_out_are_not_owned(tmp_path: Path) -> None:
    left_out = {PAYROLL: "", PENSIONS: "NA"}
    write(tmp_path, [row(JANUARY, 7, CURRENT, **left_out), row(FEBRUARY, 7, CURRENT, **{PAYROLL: "1.0"})])
    found = repairs_of(tmp_path)
    assert found[PAYROLL] == {"missing, taken for not owned": 1, "written as 1.0": 1}
    assert found[PENSIONS] == {"missing, taken for not owned": 1}
    land(tmp_path)
    assert events() == [("2015-01", "7", "hold", CURRENT), ("2015-02", "7", "add", PAYROLL)]


def test_a_row_without_facts_is_kept_for_its_products(tmp_path: Path) -> None:
    write(tmp_path, [row(JANUARY, 7, CURRENT, CARD, **NO_FACTS), row(JANUARY, 8)])
    assert repairs_of(tmp_path)["most of the customer's"] == {"missing together; the row is kept for its products": 1}
    land(tmp_path)
    assert len(events()) == 2
    assert states()[0] == ("2015-01", "7", {})


def test_each_partition_tells_what_was_mended_in_its_month(tmp_path: Path) -> None:
    write(tmp_path, [row(JANUARY, 7, CURRENT, renta=""), row(JANUARY, 8), row(FEBRUARY, 7, CARD, antiguedad="-999999")])
    land(tmp_path)
    for table in ("interactions", "user_states"):
        january, february = (read_json(part.folder / "notes.json") for part in partitions("retail", table))
        assert (january["file"], january["rows"], january["repairs"]["renta"]) == ("train_ver2.csv", 2, {"missing": 1})
        assert february["repairs"]["antiguedad"] == {"-999999, unknown": 1}
        assert "renta" not in february["repairs"]


def test_the_repairs_are_logged_as_a_table(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path, [row(JANUARY, 7, CURRENT, renta=""), row(JANUARY, 8)])
    with caplog.at_level(logging.INFO, "slate"):
        land(tmp_path)
    assert "repaired in 2 rows:" in caplog.text
    assert any(line.split() == ["renta", "1", "50.000%", "missing"] for line in caplog.text.splitlines())


def test_repairs_add_up() -> None:
    income, age = Repair("renta", "missing"), Repair("age", "padded text")
    both = total([Repairs(2, {income: 1}), Repairs(3, {income: 2, age: 3})])
    assert both == Repairs(5, {income: 3, age: 3})
    assert both.by_column() == {"renta": {"missing": 3}, "age": {"padded text": 3}}
    assert Repairs(2, {}).table().splitlines() == ["repaired in 2 rows:", "nothing"]


def test_the_examples_in_the_docstrings() -> None:
    assert doctest.testmod(reading).failed == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=st.characters(max_codepoint=255)))
def test_text_that_was_taken_for_latin_1_is_restored(text: str) -> None:
    assert mended_text(text.encode("utf-8").decode("latin-1")) == text


def test_text_that_was_right_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, [row(JANUARY, 7, CURRENT, nomprov="SÃO PAULO")])  # an Ã of its own
    assert "nomprov" not in repairs_of(tmp_path)
    land(tmp_path)
    assert landed("user_states", "json_extract_string(attributes, 'province')") == ["SÃO PAULO"]
    assert mended_text("SÃO PAULO") is None
