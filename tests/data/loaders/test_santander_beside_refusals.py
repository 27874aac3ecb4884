"""What stops a landing in the files beside Santander's snapshots, and that the ceiling is never read."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_snapshots import CARD, CURRENT, FEBRUARY, JANUARY, land, row, write
from small_supplements import application, contact, finances, products, view, write_beside

import ml
from ml.data.generators import get_generator
from ml.data.landing import partitions
from ml.errors import BadInput

pytestmark = pytest.mark.usefixtures("home")
CODE = Path(ml.__file__).parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, [row(JANUARY, 7, CURRENT), row(FEBRUARY, 7, CARD)])
    return tmp_path


def refused(folder: Path) -> str:
    """The message; checks that nothing has landed."""
    before = partitions("retail")
    with pytest.raises(BadInput) as caught:
        land(folder)
    assert partitions("retail") == before
    return str(caught.value)


def rewrite(path: Path, table: pa.Table) -> None:
    pq.write_table(table, path)


def test_a_column_that_was_renamed(folder: Path) -> None:
    write_beside(folder, contacts=[contact(7, "2015-02-01")])
    path = folder / "contacts.parquet"
    rewrite(path, pq.read_table(path).rename_columns(["customer", "product", "chanel", "at"]))
    told = refused(folder)
    assert told.startswith(f"{path}: all rows: column 'channel' is missing; column 'chanel' is unknown (did you mean")


def test_a_column_of_another_type(folder: Path) -> None:
    write_beside(folder, contacts=[contact(7, "2015-02-01")])
    path = folder / "contacts.parquet"
    table = pq.read_table(path)
    rewrite(path, table.set_column(0, "customer", pa.array(["7"])))
    assert refused(folder).startswith(f"{path}: all rows: column 'customer' is VARCHAR, not a whole number. Write it")


def test_values_that_are_missing_or_unknown(folder: Path) -> None:
    write_beside(folder, applications=[application(7, "2015-02-01"), application(7, "2015-02-01", "pending", "gold")])
    told = refused(folder)
    assert "column 'product' is unknown in 1 rows (row 2 'gold')" in told
    assert "column 'outcome' is unknown in 1 rows (row 2 'pending')" in told
    (folder / "applications.parquet").unlink()
    write_beside(folder, site_sessions=[view(7, "2015-02-01", page="/products/gold") | {"customer": None}])
    told = refused(folder)
    assert told.startswith(f"{folder / 'site_sessions.parquet'}: column 'customer' is missing in 1 rows (row 1 None)")
    assert "column 'page' is unknown in 1 rows (row 1 '/products/gold')" in told


def test_a_product_that_is_not_listed_once(folder: Path) -> None:
    write_beside(folder, products=products()[1:] + products()[-1:])
    told = refused(folder)
    assert told.startswith(
        f"{folder / 'products.parquet'}: column 'product': the 24 rows lack ind_ahor_fin_ult1 and list"
    )
    assert "list ind_recibo_ult1 more than once" in told


def test_finances_of_a_customer_twice_in_a_month(folder: Path) -> None:
    write_beside(folder, finances=[finances(7, JANUARY), finances(7, FEBRUARY), finances(7, JANUARY)])
    told = refused(folder)
    assert told.startswith(f"{folder / 'finances.parquet'}: column 'customer': 1 customer(s) stand more than once in")
    assert "row 1" in told
    assert "row 3" in told


def test_a_file_that_is_no_parquet(folder: Path) -> None:
    (folder / "contacts.parquet").write_bytes(b"customer,product\n7,card\n")
    assert refused(folder).startswith(f"{folder / 'contacts.parquet'}: cannot be read as Parquet")


def test_the_ceiling_is_never_read(tmp_path: Path) -> None:
    get_generator("santander")(tmp_path / "bank", customers=40, months=3, seed=7)
    rankings = tmp_path / "bank" / "ceiling" / "rankings.parquet"
    rankings.write_bytes(b"whoever reads this fails")
    land(tmp_path / "bank")
    assert partitions("retail", "user_states")
    rankings.unlink()
    rankings.parent.rmdir()
    assert not sum(table["new"] for table in land(tmp_path / "bank")["tables"].values())


def test_nothing_but_the_generator_and_benchmarks_names_the_ceiling() -> None:
    sources = [path for kind in ("*.py", "*.sql", "*.yml") for path in CODE.parent.glob(f"[dmec]*/**/{kind}")]
    assert CODE / "data" / "loaders" / "santander" / "staging.py" in sources
    naming = {path.relative_to(CODE.parent).as_posix() for path in sources if "ceiling" in path.read_text("utf-8")}
    assert naming
    commands = {"ml/cli/bench.py", "ml/cli/output.py", "ml/steps/__init__.py"}  # which name the benchmark
    others = {name for name in naming - commands if "benchmark" not in name}
    assert {name for name in others if not name.startswith("ml/data/generators/")} == set()
