"""docs/add-a-domain.md shows the third domain as it is, and commands that exist."""

import re
from pathlib import Path

import checkout
import pytest

from ml.settings import PROJECT_ROOT
from ml.wheel.conventions import STAGES, dag_id

PAGE = (PROJECT_ROOT / "docs" / "add-a-domain.md").read_text(encoding="utf-8")


def fenced(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_declaration_shown_is_the_one_that_turns_the_wheel() -> None:
    (shown,) = fenced("python")
    source = (checkout.HERE / "music.py").read_text(encoding="utf-8")
    assert shown[shown.index("MUSIC = ") :] == source[source.index("MUSIC = ") :]


def test_what_is_shown_of_a_declaration_runs_as_it_stands() -> None:
    (shown,) = fenced("python")
    names: dict[str, object] = {}
    exec(shown, names)
    assert names["MUSIC"] == __import__("music").MUSIC


@pytest.mark.parametrize("language", ["sql", "yaml"])
def test_every_file_shown_is_one_of_the_domain(language: str) -> None:
    files = {path.read_text(encoding="utf-8") for path in checkout.HERE.rglob(f"*.{language}")}
    assert sorted(fenced(language)) == sorted(files)


def test_every_dag_of_the_domain_is_named() -> None:
    assert [stage for stage in STAGES if f"`{dag_id('music', stage)}`" not in PAGE] == []


def test_the_files_it_points_to_exist() -> None:
    named = {name for name in re.findall(r"`((?:ml|tests)/[\w/.]+)`", PAGE) if name != "ml/domains/music.py"}
    assert len(named) > 3
    for name in [*named, *(f"docs/{link}" for link in re.findall(r"\]\(([\w-]+\.md)\)", PAGE))]:
        assert (PROJECT_ROOT / Path(name)).exists(), name
