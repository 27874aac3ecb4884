"""Rules that every Dockerfile of the project keeps, as a linter would ask for them."""

import re

import pytest

INSTRUCTIONS = {"FROM", "ARG", "LABEL", "ENV", "RUN", "WORKDIR", "COPY", "USER", "CMD"}
SECRET = re.compile(r"(PASSWORD|SECRET|TOKEN|_KEY)\b")


@pytest.fixture
def runs(dockerfile):
    return [line.removeprefix("RUN ") for line in dockerfile if line.startswith("RUN ")]


def test_there_is_one_dockerfile(folder):
    assert sorted(path.name for path in folder.rglob("*Dockerfile*")) == ["Dockerfile"]


def test_only_known_instructions_are_used(dockerfile):
    assert {line.split()[0] for line in dockerfile} == INSTRUCTIONS
    assert dockerfile[0].startswith("FROM ")


def test_system_packages_are_pinned_and_their_lists_removed(runs):
    installs = [run for run in runs if "apt-get install" in run]
    assert installs
    for run in installs:
        command = re.search(r"apt-get install ([^&]+)", run)[1].split()
        packages = [word for word in command if not word.startswith("-")]
        assert packages
        assert all("=" in package for package in packages)
        assert {"--yes", "--no-install-recommends"} <= set(command)
        assert "apt-get update" in run
        assert run.endswith("rm -rf /var/lib/apt/lists/*")


def test_distributions_are_constrained_and_checked(runs):
    install = next(run for run in runs if "docker/requirements.txt" in run)
    assert "-c constraints.txt -c docker/constraints.txt" in install
    assert install.endswith("pip check")


def test_a_command_that_fails_stops_the_build(runs):
    """`;` and pipes go on after a failure, `&&` does not."""
    assert [run for run in runs if ";" in run or re.search(r"[^|]\|[^|]", run)] == []


def test_paths_are_absolute_and_the_command_needs_no_shell(dockerfile):
    assert all(line.split()[1].startswith("/") for line in dockerfile if line.startswith("WORKDIR "))
    assert dockerfile[-1].startswith('CMD ["')


def test_the_user_changes_last(dockerfile):
    after = dockerfile[dockerfile.index("USER 10001") + 1 :]
    assert [line.split()[0] for line in after] == ["CMD"]


def test_no_secret_stays_in_the_image(dockerfile):
    assert [line for line in dockerfile if line.split()[0] in ("ARG", "ENV") and SECRET.search(line)] == []
