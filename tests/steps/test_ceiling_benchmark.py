"""The ceiling as a model among others, and who is refused."""

from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from ml.data.vocabulary import Vocabulary
from ml.data.windows import to_micros
from ml.errors import BadInput
from ml.steps.ceiling_benchmark import Ceiling, bench_ceiling


def end_of(day: str) -> int:
    return to_micros(pd.Timestamp(day, tz="UTC").to_pydatetime()) + 86_400_000_000


@pytest.fixture
def ceiling(tmp_path):
    table = pd.DataFrame({
        "customer": [7, 3, 3, 99],
        "month": [date(2016, 1, 28), date(2016, 2, 28), date(2016, 1, 28), date(2016, 1, 28)],
        "products": [["a", "b", "c"], ["c", "b", "a"], ["b", "a", "c"], ["a", "b", "c"]],
    })  # fmt: skip
    table.to_parquet(tmp_path / "rankings.parquet")
    dataset = SimpleNamespace(
        users=Vocabulary(np.array(["3", "7"], object)), items=Vocabulary(np.array([*"abc"], object))
    )
    return Ceiling.read(tmp_path / "rankings.parquet", dataset)


def asked(users: list[int], days: list[str]) -> SimpleNamespace:
    return SimpleNamespace(user=np.array(users, np.int32), moment=np.array([end_of(day) for day in days]))


def test_each_user_and_month_has_the_ranking_that_was_written(ceiling):
    requests = asked([0, 0, 1], ["2016-02-28", "2016-01-28", "2016-01-28"])
    found = ceiling.rank(requests, None, 2, ["all", "discoveries"])
    assert found["all"].item.tolist() == [[2, 1], [1, 0], [0, 1]]
    assert (np.diff(found["all"].score) < 0).all()
    assert found["discoveries"].item.tolist() == found["all"].item.tolist()


def test_a_month_that_was_not_written_has_no_ranking(ceiling):
    found = ceiling.rank(asked([1, -1], ["2016-02-28", "2016-01-28"]), None, 3, ["all"])["all"]
    assert (found.item == -1).all()
    assert np.isneginf(found.score).all()


def test_no_seed_is_an_error():
    with pytest.raises(BadInput, match="at least one seed"):
        bench_ceiling("banking", seeds=(), customers=1000)


def test_a_domain_without_a_generator_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    with pytest.raises(BadInput, match="no generator"):
        bench_ceiling("retail", seeds=(1,), customers=1000)
