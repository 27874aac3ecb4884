"""The products as items: from the catalogue beside the snapshots, or their names and categories alone."""

import duckdb

from ml.data.landing_writer import Part
from ml.data.loaders.santander.columns import PRODUCTS
from ml.data.loaders.santander.supplement_files import SupplementFile
from ml.data.loaders.santander.supplements import CATALOGUE
from ml.data.sql import identifier, literal
from ml.errors import BadInput

AS_COLUMNS = ("name", "category", "margin", "launched_at")
AS_ATTRIBUTES = tuple(column for column in CATALOGUE.columns if column not in ("product", *AS_COLUMNS))


def catalogue(connection: duckdb.DuckDBPyConnection, file: SupplementFile | None) -> tuple[Part, str]:
    """The partition of the products and its query; the same rows are the same partition, whatever file they stood in.

    Raises:
        BadInput: A product stands in the file twice, or not at all.
    """
    query = _of_file(connection, file) if file else _of_snapshots()
    rows = connection.execute(f"SELECT * FROM ({query}) ORDER BY item_id").fetchall()
    return Part("items", "catalogue", {"rows": [[str(value) for value in row] for row in rows]}), query


def _of_snapshots() -> str:
    rows = ", ".join(f"({literal(flag)}, {literal(name)}, {literal(kind)})" for flag, (name, kind) in PRODUCTS.items())
    return f"SELECT * FROM (VALUES {rows}) AS catalogue (item_id, name, category)"


def _of_file(connection: duckdb.DuckDBPyConnection, file: SupplementFile) -> str:
    _refuse_other_products(connection, file)
    columns = ", ".join(identifier(column) for column in AS_COLUMNS)
    pairs = ", ".join(f"{literal(column)}, {identifier(column)}" for column in AS_ATTRIBUTES)
    return f"""
        SELECT product AS item_id, {columns},
            -- Merging a patch drops its nulls: a fact that is not known stays absent.
            CAST(json_merge_patch('{{}}', json_object({pairs})) AS VARCHAR) AS attributes
        FROM {file.raw.scan}
    """


def _refuse_other_products(connection: duckdb.DuckDBPyConnection, file: SupplementFile) -> None:
    listed = [row[0] for row in connection.execute(f"SELECT product FROM {file.raw.scan} ORDER BY 1").fetchall()]
    missing = [flag for flag in PRODUCTS if flag not in listed]
    twice = sorted({flag for flag in listed if listed.count(flag) > 1})
    problems = [f"lack {', '.join(missing)}"] if missing else []
    problems += [f"list {', '.join(twice)} more than once"] if twice else []
    if problems:
        raise BadInput(
            f"{file.raw.path}: column 'product': the {len(listed)} rows {' and '.join(problems)}. "
            "Give each of the 24 products one row"
        )
