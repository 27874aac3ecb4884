"""Contact lists and packages of a planted club, and how many of its early askings the lists find."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import planted_club as planted
import pytest

from ml import steps
from ml.artifacts import manifest, read_json
from ml.domains import DOMAINS, Fairness
from ml.errors import BadInput, RunFailed
from ml.steps import contacting as listing
from ml.steps import early_interest, packaging
from ml.tracking.registry import Version


@pytest.fixture
def club(tmp_path, monkeypatch):
    return champion_of(planted.club(), tmp_path, monkeypatch)


def champion_of(dataset, tmp_path, monkeypatch):
    """The planted club with a champion, in a home of its own."""
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    monkeypatch.setitem(DOMAINS, "club", planted.CLUB)
    version = Version.__new__(Version)
    for name, value in {"number": 3, "bundle": "club"}.items():
        object.__setattr__(version, name, value)
    bundle = planted.ClubBundle.of(dataset)
    for module in (listing, packaging):
        monkeypatch.setattr(module, "champion", lambda domain: (version, bundle))
    monkeypatch.setattr(early_interest, "current_features", lambda domain: dataset.path)
    monkeypatch.setattr(early_interest, "load_dataset", lambda path: dataset)
    return tmp_path


def read(result, stem):
    return pd.read_parquet(f"{result['path']}/{stem}.parquet")


def test_a_list_says_whom_to_tell_and_why_with_a_control_group_beside(club):
    result = steps.contact_list("club", "then", 0.2, "email")
    told, control = read(result, "contacts"), read(result, "control")
    counts = result["counts"]
    assert counts["listed"] == len(told) + len(control) == round(0.2 * counts["may_be_told"])
    assert counts["may_be_told"] + sum(result["left_out"].values()) == counts["users"] == planted.MEMBERS
    assert not set(told["user_id"]) & set(control["user_id"])
    assert sorted([*told["position"], *control["position"]]) == list(range(1, counts["listed"] + 1))
    assert (told["reasons"].map(len) >= 1).all()
    assert all(int(user[1:]) % 2 == 1 for user in told["user_id"]), "the others gave no consent"
    assert [channels.tolist() for channels in told["channels"]] == [["email"]] * len(told)
    assert result["breaches"] == []
    assert result["rules_digest"] == planted.CLUB.eligibility.digest
    csv = pd.read_csv(f"{result['path']}/contacts.csv")
    assert csv["user_id"].tolist() == told["user_id"].tolist()
    assert set(csv["channels"]) == {"email"}


def test_without_a_channel_nobody_is_listed_who_agreed_to_none(club):
    result = steps.contact_list("club", "then", 1.0)
    listed = [*read(result, "contacts")["user_id"], *read(result, "control")["user_id"]]
    assert listed
    assert all(int(user[1:]) % 2 == 1 for user in listed)
    assert result["left_out"]["consent@1"] > 0


def guarded(minimum_ratio, category="thing"):
    """The club, which may treat no ages otherwise as to its things."""
    age = planted.CLUB.user_facts["age"].model_copy(update={"protected": True, "bands": (50.0,)})
    changes = {
        "user_facts": planted.CLUB.user_facts | {"age": age}, "guarded_categories": (category,),
        "fairness": Fairness(minimum_approval_ratio=minimum_ratio, minimum_group=20),
    }  # fmt: skip
    return planted.CLUB.model_copy(update=changes)


def test_an_unfair_list_of_a_guarded_item_is_refused_and_overruled_with_a_reason(club, monkeypatch):
    monkeypatch.setitem(DOMAINS, "club", guarded(1.0))
    with pytest.raises(RunFailed, match=r"age, group .*: approval ratio .* at least 1 is needed.*--force --reason"):
        steps.contact_list("club", "then", 0.2)
    assert not (club / "contact_lists").exists()
    with pytest.raises(BadInput, match="needs a reason"):
        steps.contact_list("club", "then", 0.2, force=True, reason=" ")
    result = steps.contact_list("club", "then", 0.2, force=True, reason="agreed with the board")
    assert result["overruled"] == "agreed with the board"
    assert len(result["breaches"]) == 1
    groups = read_json(Path(result["path"]) / "fairness.json")["facts"]["age"]["groups"]
    assert [each["group"] for each in groups] == ["under 50", "50 and over"]
    listed = sum(round(each["approval"]["mean"] * each["users"]) for each in groups)
    assert listed == result["counts"]["listed"]


@pytest.mark.parametrize(("ratio", "category"), [(0.01, "thing"), (1.0, "other things")])
def test_a_list_within_the_limits_or_of_an_item_that_is_not_guarded_is_written(club, monkeypatch, ratio, category):
    monkeypatch.setitem(DOMAINS, "club", guarded(ratio, category))
    result = steps.contact_list("club", "then", 0.2)
    assert result["breaches"] == []
    assert (Path(result["path"]) / "fairness.json").exists()


def test_the_same_question_finds_the_same_list(club):
    first = steps.contact_list("club", "then", 0.2)
    assert steps.contact_list("club", "then", 0.2) == first
    assert steps.contact_list("club", "then", 0.3)["path"] != first["path"]
    assert json.dumps(first, default=str)


@pytest.mark.parametrize(("item", "share", "listed"), [("then", 0.0, 0), ("everybody", 1.0, 0), ("other", 1.0, 190)])
def test_lists_of_nobody_and_of_everybody_who_may(club, item, share, listed):
    result = steps.contact_list("club", item, share)
    told, control = read(result, "contacts"), read(result, "control")
    assert len(told) + len(control) == listed
    assert list(told.columns) == list(control.columns)


def test_nobody_is_eligible(tmp_path, monkeypatch):
    dataset = planted.club()
    young = planted.dataset_of([], [12.0] * 3, [1] * 3)
    champion_of(young, tmp_path, monkeypatch)
    monkeypatch.setattr(listing, "dataset_of", lambda bundle, declared: dataset)
    result = steps.contact_list("club", "then", 1.0)
    assert result["counts"] == {"users": 3, "may_be_told": 0, "listed": 0, "control": 0}
    assert result["left_out"] == {"adult@1": 3}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("club", "nothing"), "no item 'nothing'"),
        (("club", "then", 1.5), "from 0 to 1"),
        (("club", "then", -0.1), "from 0 to 1"),
        (("club", "then", 0.1, "pigeon"), "pigeon"),
        (("retail", "then"), "declares no campaigns"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(club, arguments, message):
    with pytest.raises(BadInput, match=message):
        steps.contact_list(*arguments)
    assert not (club / "contact_lists").exists()


def test_nobody_ever_asked(tmp_path, monkeypatch):
    champion_of(planted.dataset_of([(0, 0, planted.month(1), "purchase")], [30.0, 40.0], [1, 1]), tmp_path, monkeypatch)
    with pytest.raises(RunFailed, match="asked for an item early"):
        steps.contact_list("club", "then")
    with pytest.raises(RunFailed, match="nothing to find"):
        steps.bench_early_interest("club")


def test_a_package_has_both_halves_and_says_why_it_is_short(club):
    made = steps.package("club", "m050", reminders=5, discoveries=1)
    assert [item["why"] for item in made["discoveries"]["items"]] == ["never met it"]
    assert made["discoveries"]["short"] is None
    assert "everybody" in [item["item_id"] for item in made["reminders"]["items"]]
    assert "of 5 reminders" in made["reminders"]["short"]


def test_a_stranger_has_nothing_to_be_reminded_of(club):
    made = steps.package("club", "nobody knows")
    assert made["reminders"]["items"] == made["discoveries"]["items"] == []
    assert "rules refuse 4" in made["discoveries"]["short"]


def test_everybodys_packages_are_those_of_each(club):
    written = steps.package_all("club")
    frame = pd.read_parquet(f"{written['path']}/packages.parquet")
    mine = frame[frame["user_id"] == "m050"]
    alone = steps.package("club", "m050")
    for half in ("reminders", "discoveries"):
        rows = mine[mine["half"] == half]
        assert rows["item_id"].tolist() == [item["item_id"] for item in alone[half]["items"]]
        assert rows["position"].tolist() == list(range(1, len(rows) + 1))
    assert not frame["user_id"].isin([f"m{young:03d}" for young in range(20)]).any()
    assert len(pd.read_csv(f"{written['path']}/packages.csv")) == len(frame)
    assert manifest(Path(written["path"]))["rows"] == len(frame)


def test_a_package_of_nothing_is_refused(club):
    with pytest.raises(BadInput, match="at least one item"):
        steps.package("club", "m050", 0, 0)


def test_the_benchmark_finds_what_is_planted(club):
    document = steps.bench_early_interest("club")
    row = document["rows"][-1]
    assert document["askings"] > 30
    assert row["slate"]["low"] > 2 * row["own_share"]
    assert row["over_segments"]["low"] > 1.5
    assert document["items"][0]["item_id"] == "then"
    shares = np.array([each["slate"]["mean"] for each in document["rows"]])
    assert (np.diff(shares) >= 0).all(), "a longer list finds no less"
    assert json.dumps(document)
