"""The dbt project keeps to its own rules."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ml.domains import DOMAINS
from ml.features.declarations import LastValue, load_declarations
from ml.settings import settings

PROJECT = settings().dbt_project
YAMLS = sorted((PROJECT / "models").rglob("*.yml"))
SQLS = sorted((PROJECT / "models").rglob("*.sql"))


def described_models() -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in YAMLS:
        for model in yaml.safe_load(path.read_text()).get("models", []):
            yield path, model


MODELS = {model["name"]: model for _, model in described_models()}


def test_every_model_is_described_beside_its_sql() -> None:
    assert len(SQLS) > 20
    assert {path.stem for path in SQLS} == set(MODELS)
    for path, model in described_models():
        assert (path.parent / f"{model['name']}.sql").exists()
        assert len(model["description"]) > 20
        assert all(len(column["description"]) > 3 for column in model["columns"])


@pytest.mark.parametrize("entity", load_declarations())
def test_feature_marts_list_the_declared_features_in_the_words_of_their_declaration(entity: str) -> None:
    declared = load_declarations()[entity]
    columns = {column["name"]: column for column in MODELS[declared.mart]["columns"]}
    assert list(columns) == [*declared.keys, "as_of", *declared.published, "fingerprint"]
    for name, feature in declared.published.items():
        assert columns[name]["description"] == feature.description
        if "data_type" in columns[name]:
            assert columns[name]["data_type"] == ("varchar" if isinstance(feature, LastValue) else "float")


def test_only_staging_reads_sources() -> None:
    readers = {path.relative_to(PROJECT / "models").parts[0] for path in SQLS if "source(" in path.read_text()}
    assert readers == {"staging"}


def test_nothing_outside_a_domains_own_folders_names_a_domain() -> None:
    shared = [path for path in SQLS if not set(path.relative_to(PROJECT).parts) & set(DOMAINS)]
    for path in [*shared, *(PROJECT / "macros").glob("*.sql")]:
        code = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
        assert not [name for name in DOMAINS if name in code], path


def test_every_domain_has_a_folder_of_its_own() -> None:
    for domain in DOMAINS:
        assert [*(PROJECT / "models").glob(f"*/{domain}/*.sql")]
