"""Whatever slates are asked for: new ones hold nothing that the user has, owned ones nothing else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shop
from hypothesis import given, settings
from hypothesis import strategies as st

from ml import steps
from ml.artifacts import manifest
from ml.bundle.bundle import Bundle, open_bundle
from ml.bundle.policy import Asking
from ml.bundle.seal import Sealed, seal
from ml.cli import main
from ml.data.holdings import Holdings
from ml.domains import DOMAINS
from ml.domains.domain import Holdings as HoldingEvents
from ml.domains.reranking import Exploration, Pin, Reranking
from ml.errors import BadInput
from ml.reranking.choice import Choice
from ml.steps import batch, explaining, recommending
from ml.tracking.registry import Version

OUTPUTS = ("new", "owned", "mixed")
POLICY = Reranking(pool=25, pins=(Pin(item_id="i003", position=2),), exploration=Exploration(epsilon=0.5))
VERSION = Version(4, ("champion",), "b", "f", "", "", "c", 7, None, {})
PAIRS = st.sets(st.tuples(st.integers(0, shop.USERS - 1), st.integers(0, shop.ITEMS - 1)), max_size=300)


@pytest.fixture(scope="module")
def pinning(home, parts) -> Bundle:
    """A bundle whose slates pin an item and draw others by chance."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATE_HOME", str(home))
        dataset = replace(parts.dataset, domain=parts.dataset.domain.model_copy(update={"reranking": POLICY}))
        return open_bundle(seal(Sealed(parts.recommender, dataset, parts.features), shop.lineage("o"), seed=0))


def having(bundle: Bundle, pairs: set[tuple[int, int]], trained_for: str = "new") -> Bundle:
    """The bundle in which these users have these items, trained for these outputs."""
    user, item = (np.array([pair[column] for pair in sorted(pairs)], np.int32) for column in (0, 1))
    since = np.full(len(user), bundle.snapshot.as_of - 1)
    held = Holdings.of_events(user, item, since, np.ones(len(user), bool))
    return replace(bundle, knowledge=replace(bundle.knowledge, holdings=held, outputs=trained_for))


def shown(bundle: Bundle, asking: Asking, k: int = 10) -> set[tuple[int, int]]:
    users = np.arange(-1, shop.USERS, dtype=np.int32)
    item = bundle.answer(users, k, asking=asking).reranked.item
    row, place = np.nonzero(item >= 0)
    return set(zip(users[row].tolist(), item[row, place].tolist(), strict=True))


@settings(max_examples=25, deadline=None)
@given(pairs=PAIRS, trained_for=st.sampled_from(OUTPUTS), asked=st.sampled_from([None, *OUTPUTS]), k=st.integers(1, 40),
       interests=st.sampled_from([(), ("c1", "c3")]))  # fmt: skip
def test_new_slates_hold_nothing_owned_and_owned_ones_nothing_else(pinning, pairs, trained_for, asked, k, interests):
    found = shown(having(pinning, pairs, trained_for), Asking(Choice(interests=interests), outputs=asked), k)
    match asked or trained_for:
        case "new":
            assert not found & pairs
        case "owned":
            assert found <= pairs
        case "mixed":
            assert not k >= 25 or interests or {user for user, _ in found} >= set(range(shop.USERS))


def test_mixed_slates_hold_both(pinning):
    pairs = {(user, item) for user in range(shop.USERS) for item in range(0, shop.ITEMS, 2)}
    found = shown(having(pinning, pairs), Asking(outputs="mixed"))
    assert found & pairs
    assert {pair for pair in found if pair[0] >= 0} - pairs


def test_nobody_known_owns_nothing(pinning):
    bundle = having(pinning, {(0, 1)})
    (slate,) = bundle.recommend(["nobody"], 5, Asking(outputs="owned"))
    assert slate.items == ()
    assert slate.shortfall == "no_candidates"


@pytest.fixture
def serving(pinning, tmp_path, monkeypatch) -> Bundle:
    """The champion of a shop where users keep what they buy: u003 has items 1 and 3."""
    bundle = having(pinning, {(3, 1), (3, 3)})
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    keeping = DOMAINS["retail"].model_copy(update={"holdings": HoldingEvents(begin=("purchase",))})
    monkeypatch.setitem(DOMAINS, "retail", keeping)
    for module in (recommending, batch, explaining):
        monkeypatch.setattr(module, "champion", lambda _: (VERSION, bundle))
    return bundle


def test_one_user_is_answered_as_asked(serving):
    owned = steps.recommend("retail", "u003", 5, outputs="owned")
    assert {item["item_id"] for item in owned["items"]} == {"i001", "i003"}
    assert {item["item_id"] for item in steps.recommend("retail", "u003", 5)["items"]}.isdisjoint({"i001", "i003"})


def test_everybody_is_answered_as_asked_in_a_folder_of_its_own(serving):
    usual, owned = (Path(steps.recommend_all("retail", outputs)["path"]) for outputs in (None, "owned"))
    assert owned.parent.name == f"{usual.parent.name}-owned"
    assert [manifest(path.parent)["outputs"] for path in (usual, owned)] == ["new", "owned"]
    frames = [pd.read_parquet(path) for path in (usual, owned)]
    assert set(frames[1]["user_id"]) == {"u003"}
    assert set(frames[1]["item_id"]) == {"i001", "i003"}
    assert not set(frames[0]["slate_id"]) & set(frames[1]["slate_id"])


@pytest.mark.parametrize(
    ("item", "outputs", "why"),
    [
        ("i001", None, "the slate is for new items, and the user has it"),
        ("i002", "owned", "the slate is for owned items, and the user has not it"),
    ],
)
def test_the_explanation_says_what_the_slate_is_for(serving, item, outputs, why):
    told = steps.explain("retail", "u003", item, outputs=outputs)
    assert (told["outputs"], told["owned"], told["shown"], told["why"]) == (
        outputs or "new", item == "i001", False, why,
    )  # fmt: skip


def test_it_is_an_option_of_both_commands(serving, capsys):
    for arguments in (["recommend", "--user", "u003"], ["explain", "--user", "u003", "--item", "i002"]):
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--outputs", "owned"])
        assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "i003" in said
    assert "the slate is for owned items" in said


@pytest.mark.parametrize("outputs", ["owned", "new"])
def test_where_nothing_is_kept_nothing_is_owned(outputs):
    with pytest.raises(BadInput, match="retail does not declare what users have"):
        steps.recommend("retail", "u003", 5, outputs=outputs)


def test_outputs_that_there_are_not_are_named_with_those_that_there_are(serving):
    for step in (steps.recommend_all, lambda domain, outputs: steps.explain(domain, "u003", "i001", outputs=outputs)):
        with pytest.raises(BadInput, match=r"'used' is none of new, owned, mixed"):
            step("retail", "used")
