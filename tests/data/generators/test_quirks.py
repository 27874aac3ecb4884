"""The awkward parts of the competition's file, each of them there."""

import pytest

from ml.data.generators.santander.facts import MISSING, MISSING_TOGETHER


def test_one_row_a_customer_a_month_and_some_join_later(query):
    ((rows, pairs),) = query("SELECT count(*), count(DISTINCT (fecha_dato, ncodpers)) FROM snapshots")
    assert rows == pairs
    ((first, last, months),) = query(
        "SELECT min(fecha_dato), max(fecha_dato), count(DISTINCT fecha_dato) FROM snapshots"
    )
    assert (first, last, months) == ("2015-01-28", "2016-05-28", 17)
    ((later,),) = query(
        "SELECT count(*) FROM (SELECT min(fecha_dato) AS d FROM snapshots GROUP BY ncodpers) WHERE d > '2015-01-28'"
    )
    assert later > 2_000


def test_ages_and_seniorities_are_padded_text(query):
    widths = dict(query("SELECT 'age', list_sort(list(DISTINCT len(age))) FROM snapshots WHERE age <> ' NA'"))
    assert widths["age"] == [3]
    lengths = query("SELECT DISTINCT len(antiguedad) FROM snapshots")
    assert lengths == [(7,)]
    ((unknown,),) = query("SELECT count(*) FROM snapshots WHERE antiguedad = '-999999'")
    assert unknown > 0


def test_mixed_types_and_accents(query):
    kinds = {kind for (kind,) in query("SELECT DISTINCT indrel_1mes FROM snapshots WHERE indrel_1mes IS NOT NULL")}
    assert {"1", "1.0", "P"} <= kinds
    ((coruna,),) = query("SELECT count(*) FROM snapshots WHERE nomprov = 'CORUÑA, A'")
    assert coruna > 100


@pytest.mark.parametrize(("column", "share"), MISSING.items())
def test_values_are_missing_as_often_as_in_the_real_file(query, column, share):
    ((missing,),) = query(f"SELECT avg(({column} IS NULL OR {column} = '')::INTEGER) FROM snapshots")
    assert missing == pytest.approx(share, abs=0.2 * min(share, 1 - share) + MISSING_TOGETHER * 1.3)


def test_customer_columns_are_missing_in_the_same_rows(query):
    ((share,),) = query("SELECT avg((ind_empleado IS NULL OR ind_empleado = '')::INTEGER) FROM snapshots")
    assert share == pytest.approx(MISSING_TOGETHER, rel=0.2)
    apart = query(
        "SELECT count(*) FROM snapshots WHERE (coalesce(ind_empleado, '') = '') <> (age = ' NA') "
        "OR (coalesce(ind_empleado, '') = '') <> (coalesce(fecha_alta, '') = '')"
    )
    assert apart == [(0,)]


def test_the_payroll_flags_are_missing_now_and_then(query):
    ((missing, apart),) = query(
        "SELECT count(*) FILTER (WHERE ind_nomina_ult1 = 'NA'), "
        "count(*) FILTER (WHERE (ind_nomina_ult1 = 'NA') <> (ind_nom_pens_ult1 = 'NA')) FROM snapshots"
    )
    assert missing > 10
    assert apart == 0
