"""Suites of expectations over landed data and marts, run inside DuckDB: the only importer of Great Expectations."""
