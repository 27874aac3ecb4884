"""docs/airflow.md names what there is."""

from pathlib import Path

import pytest

from ml.domains import DOMAINS
from ml.steps.parameters import TrainingParameters
from ml.wheel.conventions import STAGES, WAREHOUSE_POOL, dag_id

TEXT = (Path(__file__).resolve().parent.parent.parent / "docs" / "airflow.md").read_text()
NAMES = [
    *(dag_id("retail", stage) for stage in STAGES),
    *TrainingParameters.model_fields,
    f"airflow pools set {WAREHOUSE_POOL} 1",
    "SLATE_APPROVAL_REQUIRED",
]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_documented(name):
    assert name in TEXT


def test_schedules_are_those_of_the_domain():
    retail = DOMAINS["retail"]
    assert (retail.retrain_schedule, retail.monitor_schedule) == ("0 3 * * 1", "0 6 * * 1")
    assert "Mondays 03:00 UTC" in TEXT
    assert "Mondays 06:00 UTC" in TEXT
