"""A few customers in Santander's format, quirks included, and what landed of them."""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from ml.data.landing import table_glob
from ml.data.loaders.santander.columns import FACTS, PRODUCTS
from ml.steps.landing import land as land_step

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CURRENT, CARD, PAYROLL, PENSIONS = "ind_cco_fin_ult1", "ind_tjcr_fin_ult1", "ind_nomina_ult1", "ind_nom_pens_ult1"
COLUMNS = ("fecha_dato", "ncodpers", *FACTS, *PRODUCTS)
JANUARY, FEBRUARY, MARCH, APRIL = "2015-01-28", "2015-02-28", "2015-03-28", "2015-04-28"
AS_WRITTEN = {
    "ind_empleado": "N", "pais_residencia": "ES", "sexo": "V", "age": " 35", "fecha_alta": "2012-08-10",
    "ind_nuevo": " 0", "antiguedad": "     29", "indrel": " 1", "ult_fec_cli_1t": "", "indrel_1mes": "1.0",
    "tiprel_1mes": "A", "indresi": "S", "indext": "N", "conyuemp": "", "canal_entrada": "KHE", "indfall": "N",
    "tipodom": " 1", "cod_prov": "15", "nomprov": "CORUÑA, A", "ind_actividad_cliente": " 1", "renta": "87218.1",
    "segmento": "02 - PARTICULARES",
}  # fmt: skip
NO_FACTS = dict.fromkeys(AS_WRITTEN, "") | {"age": " NA", "antiguedad": "     NA", "renta": "         NA"}
Row = dict[str, str]


def row(day: str, customer: int, *owned: str, **other: str) -> Row:
    """One customer in one month, with these products; other columns as they are given."""
    flags = {flag: "1" if flag in owned else "0" for flag in PRODUCTS}
    return {"fecha_dato": day, "ncodpers": str(customer), **AS_WRITTEN, **flags, **other}


def text(rows: Iterable[Mapping[str, str]], columns: Sequence[str] = COLUMNS) -> str:
    """The rows as the competition writes them."""
    written = io.StringIO()
    writer = csv.DictWriter(written, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


def write(folder: Path, rows: Iterable[Mapping[str, str]], name: str = "train_ver2.csv", **options: Any) -> Path:
    """Write a file of these rows; `columns` and `encoding` may be others."""
    encoding = options.pop("encoding", "utf-8")
    content = text(rows, **options).encode(encoding)
    path = folder / name
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def land(folder: Path) -> dict[str, Any]:
    """Land a folder of snapshots."""
    return land_step("retail", source="santander", data_folder=folder, now=NOW)


def landed(table: str, columns: str) -> list[Any]:
    """Landed rows, sorted; single columns without their tuple."""
    with duckdb.connect() as connection:
        query = f"SELECT {columns} FROM read_parquet('{table_glob('retail', table)}') ORDER BY ALL"
        rows = connection.execute(query).fetchall()
    return [found[0] if len(found) == 1 else found for found in rows]


def events() -> list[tuple[str, str, str, str]]:
    """Landed (month, user, type, item)."""
    return landed("interactions", "strftime(occurred_at, '%Y-%m'), user_id, event_type, item_id")


def states() -> list[tuple[str, str, dict[str, Any] | None]]:
    """Landed (month, user, attributes)."""
    rows = landed("user_states", "strftime(valid_from, '%Y-%m'), user_id, attributes")
    return [(month, user, json.loads(known) if known else None) for month, user, known in rows]
