"""Everybody's eligibility is that of each user by themselves, whatever is judged together."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from published_bank import AS_OF, publish
from typer.testing import CliRunner

from ml.artifacts import write_json
from ml.cli.app import app
from ml.data.dataset import load_dataset, requests_for
from ml.data.windows import to_micros
from ml.errors import BadInput, RunFailed
from ml.reranking.eligibility import ItemsSeen, decide
from ml.steps import judging_eligibility
from ml.steps.judging_eligibility import eligibility

CUSTOMERS = 30


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def features(home: Path) -> Path:
    path = publish(home / "features", CUSTOMERS)
    write_json(home / "current" / "banking" / "features.json", {"path": str(path)})
    return path


def expected(features: Path, channel: str | None) -> dict[tuple[str, str], list[str]]:
    """The rules that forbid each pair, judged on all users at once."""
    dataset = load_dataset(features)
    names = [*(f"c{number:03}" for number in range(CUSTOMERS)), "nobody"]
    user = dataset.users.encode(names)
    asked = dataset.told(requests_for(dataset.log, user, np.full(len(user), to_micros(AS_OF))))
    through = None if channel is None else np.full(len(user), channel, object)
    items = ItemsSeen.of(dataset.catalogue, dataset.item_facts)
    decisions = decide(dataset.domain.eligibility, asked, items, channel=through)
    return {
        (name, item): list(decisions.rules(row, column))
        for row, name in enumerate(names)
        for column, item in enumerate(items.ids)
    }


@pytest.mark.parametrize(("channel", "pairs"), [(None, 1 << 20), (None, 1), ("email", 37)])
def test_every_user_and_item_is_judged(
    features: Path, monkeypatch: pytest.MonkeyPatch, channel: str | None, pairs: int
) -> None:
    monkeypatch.setattr(judging_eligibility, "PAIRS", pairs)
    result = eligibility("banking", channel)
    written = pd.read_parquet(result["path"])
    found = {(row.user_id, row.item_id): list(row.rules) for row in written.itertuples()}
    assert found == expected(features, channel)
    assert len(written) == len(found) == result["pairs"] == (CUSTOMERS + 1) * 5
    assert written["allowed"].tolist() == [not rules for rules in written["rules"].map(list)]


def test_the_summary_counts_what_was_written(features: Path) -> None:
    result = eligibility("banking")
    rules = Counter(rule for found in expected(features, None).values() for rule in found)
    assert {rule: count for rule, count in result["forbidden"].items() if count} == rules
    assert set(rules) > {"required_facts@1", "minimum_age@1", "recent_decline@1", "deceased@1"}
    written = pd.read_parquet(result["path"])
    assert result["allowed"] == written["allowed"].sum() > 0
    assert result["allowed_by_item"] == written.groupby("item_id")["allowed"].sum().to_dict()
    assert result["without"] == (~written.groupby("user_id")["allowed"].any()).sum() > 0
    assert (result["users"], result["items"]) == (CUSTOMERS + 1, 5)


def test_the_same_question_finds_its_answer_again(features: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = eligibility("banking")
    monkeypatch.delattr(judging_eligibility, "decide")
    assert eligibility("banking") == first


def test_what_fails_midway_leaves_nothing(features: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(judging_eligibility, "_table", fail)
        with pytest.raises(OSError, match="no space left"):
            eligibility("banking")
    assert list((home / "eligibility" / "banking").iterdir()) == []
    assert eligibility("banking")["users"] == CUSTOMERS + 1


def test_a_channel_without_a_rule_of_consent_is_refused(features: Path) -> None:
    with pytest.raises(BadInput, match=r"'pigeon' has no rule of consent; declared channels: app, email, phone, post"):
        eligibility("banking", "pigeon")


def test_a_domain_without_rules_has_nothing_to_judge(features: Path, home: Path) -> None:
    described = (features / "manifest.json").read_text(encoding="utf-8").replace("banking", "retail")
    (features / "manifest.json").write_text(described, encoding="utf-8")
    write_json(home / "current" / "retail" / "features.json", {"path": str(features)})
    with pytest.raises(BadInput, match="retail declares no rules of eligibility"):
        eligibility("retail")


def test_without_features_it_says_what_to_run() -> None:
    with pytest.raises(RunFailed, match="slate features --domain banking"):
        eligibility("banking")


def test_the_command_shows_rules_and_items(features: Path) -> None:
    shown = CliRunner().invoke(app, ["eligibility", "--domain", "banking"]).output
    assert "minimum_age@1" in shown
    assert "ind_pres_fin_ult1" in shown
