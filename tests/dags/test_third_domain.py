"""A domain that is only declared has its four DAGs: the files that read it are those of every domain."""

from pathlib import Path

import checkout
import pytest
from music import MUSIC

from ml.wheel.conventions import STAGES, dag_id


@pytest.fixture(scope="module")
def music_bag(read_bag, tmp_path_factory):
    """The DAGs of the music service's own checkout, by the same four files."""
    project = checkout.lay(tmp_path_factory.mktemp("checkout"))
    path = [Path(checkout.__file__).parents[2], checkout.HERE]
    return read_bag("music:MUSIC", SLATE_PROJECT=str(project), PYTHONPATH=":".join(map(str, path)))


@pytest.mark.slow
def test_the_four_files_declare_the_third_domain_too(music_bag, bag):
    assert music_bag["errors"] == {}
    assert set(music_bag["dags"]) == {*bag["dags"], *(dag_id("music", stage) for stage in STAGES)}
    features = music_bag["dags"][dag_id("music", "features")]["tasks"]
    assert {"dbt.stg_music__interactions_run", "dbt.int_music__item_versions_run"} <= set(features)
    train = music_bag["dags"][dag_id("music", "train")]
    assert {f"train_{name}" for name in MUSIC.quotas} <= set(train["tasks"])
    assert train["params"]["models"]["schema"]["items"]["enum"] == list(MUSIC.quotas)


@pytest.mark.slow
def test_its_models_are_nobody_elses(music_bag, bag):
    """The other domains' tasks are the same with the third domain's models in the project as without them."""
    assert {name: set(music_bag["dags"][name]["tasks"]) for name in bag["dags"]} == {
        name: set(dag["tasks"]) for name, dag in bag["dags"].items()
    }
