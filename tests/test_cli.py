import json
import os
import subprocess
import sys

import pytest
from typer.main import get_command

from ml.cli import main
from ml.cli.app import app

COMMANDS = get_command(app).commands


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SLATE_HOME", str(tmp_path))
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return ended.value.code


def test_every_step_of_the_pipeline_is_a_command():
    assert {
        "generate", "land", "features", "validate", "train", "evaluate", "promote", "publish", "recommend", "similar", "report",
        "status", "leaderboard",
    } <= set(COMMANDS)  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example(name, capsys):
    assert run(name, "--help") == 0
    assert f"slate {name}" in " ".join(capsys.readouterr().out.split())


def test_json_is_the_only_thing_on_standard_output(capsys):
    assert run("status", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document) == {"domain", "as_of", "counts", "champion", "challenger", "runs"}
    assert document["champion"] is None


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "--domain", "piracy"),
        ("recommend",),
        ("package",),
        ("package", "--user", "900", "--all"),
        ("contact-list", "--product", "900"),
        ("train", "crystal-ball", "--epochs", "0"),
        ("train", "--epochs", "0"),
        ("fly",),
        ("land", "--mapping", "nowhere.yaml"),
    ],
)
def test_bad_input_ends_with_two_and_no_traceback(arguments, capsys):
    assert run(*arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err


@pytest.mark.parametrize("page", [".", "nowhere/page.md"])
def test_where_a_page_cannot_be_written_nothing_is_measured_first(page, capsys):
    assert run("bench", "soak", "--write", page) == 2
    assert f"--write {page} is a folder, or lies in none" in capsys.readouterr().err


@pytest.mark.parametrize("command", [("leaderboard",), ("evaluate",), ("recommend", "--user", "900"), ("train",)])
def test_a_step_whose_input_is_not_there_says_what_to_run_first(command, capsys):
    assert run(*command) == 1
    assert "slate " in capsys.readouterr().err


def test_help_imports_no_heavy_library():
    heavy = ["torch", "mlflow", "evidently", "great_expectations", "cosmos", "xgboost", "airflow", "pandas"]
    script = (
        "import sys\nfrom ml.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=os.environ, check=True)
    assert done.stderr.strip().splitlines()[-1] == "[]"
