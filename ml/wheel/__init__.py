"""Turning the wheel through Airflow: what its DAGs share, and the driver behind `slate demo` and `slate ui`."""
