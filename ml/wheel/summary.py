"""What `slate demo` prints in the end: for people, on standard output."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ml.evaluation.rendering import render_tables


def render(document: Mapping[str, Any]) -> Iterable[RenderableType]:
    """The demo's outcome as tables.

    Args:
        document: What `ml.wheel.demo.demo` returns.
    """
    yield counts(document["status"])
    yield from render_tables(document["leaderboard"])
    yield champion(document["status"])
    for example in document["examples"]:
        yield slate(example, document["user_noun"])
    for example in document["packages"]:
        yield package(example, document["user_noun"])
    yield looked_at(document["places"])
    yield turned(document["turn"])


def counts(status: Mapping[str, Any]) -> RenderableType:
    """Rows of each mart."""
    table = Table("mart")
    table.add_column("rows", justify="right")
    for mart, rows in status["counts"].items():
        table.add_row(mart, f"{rows:,}")
    return titled(f"{status['domain']}: data as of {status['as_of']}", table)


def champion(status: Mapping[str, Any]) -> str:
    """Which version serves."""
    if status["champion"] is None:
        return "No champion: the gate refused the challenger; the log of the task `accepted` says why."
    return f"Champion: version {status['champion']} of the registry; challenger: version {status['challenger']}"


def slate(example: Mapping[str, Any], user_noun: str) -> RenderableType:
    """One user's recommendations with the retrievers that found each."""
    table = Table("#", "item", "name", "found by")
    for place, item in enumerate(example["items"], 1):
        table.add_row(str(place), item["item_id"], escape(item["name"]), ", ".join(item["sources"]))
    fired = f"; taken away by {', '.join(example['rules'])}" if example["rules"] else ""
    return titled(f"For {user_noun} {example['user_id']}{fired}", table)


def package(example: Mapping[str, Any], user_noun: str) -> RenderableType:
    """What one user is reminded of, and what they are shown for the first time."""
    table = Table("", "#", "item", "name", "why")
    for half, title in (("reminders", "to be reminded of"), ("discoveries", "never met")):
        for place, item in enumerate(example[half]["items"], 1):
            table.add_row(title if place == 1 else "", str(place), item["item_id"], escape(item["name"]), item["why"])
        if example[half]["short"]:
            table.add_row("", "", "", example[half]["short"], "")
    return titled(f"The package of {user_noun} {example['user_id']}", table)


def looked_at(places: Mapping[str, str]) -> RenderableType:
    """Where to look further."""
    table = Table("what")
    table.add_column("where", overflow="fold")
    for name, where in places.items():
        table.add_row(name, where)
    return titled("To look further", table)


def turned(turn: Mapping[str, Any]) -> str:
    """One line on the turn's time and memory."""
    return (
        f"The wheel turned in {turn['wall_seconds']:.0f} s, {len(turn['stages'])} tasks, peak memory of all processes "
        f"{turn['peak_memory_mb']:,} MB on {turn['cores']} cores. `make bench` shows every stage."
    )


def stages(turns: list[dict[str, Any]]) -> Iterable[RenderableType]:
    """Every recorded turn in one line, and the stages of the longest (the first, as a rule) and of the last."""
    overview = Table("started", "domain")
    for heading in ("wall s", "tasks", "peak MB", "cores"):
        overview.add_column(heading, justify="right")
    for turn in turns:
        numbers = (turn["wall_seconds"], len(turn["stages"]), turn["peak_memory_mb"], turn["cores"])
        overview.add_row(turn["started_at"], turn["domain"], *map(str, numbers))
    yield titled("Turns of the wheel", overview)
    longest = max(turns, key=lambda turn: turn["wall_seconds"])
    yield stage_table(longest)
    if turns[-1] is not longest:
        yield stage_table(turns[-1])


def stage_table(turn: Mapping[str, Any]) -> RenderableType:
    """The tasks of one turn."""
    table = Table("DAG", "task")
    table.add_column("seconds", justify="right")
    table.add_column("peak MB of all processes", justify="right")
    for stage in turn["stages"]:
        table.add_row(stage["dag"], stage["task"], f"{stage['seconds']:.1f}", f"{stage['peak_memory_mb']:,}")
    return titled(f"Stages of the turn of {turn['started_at']}", table)


def titled(title: str, table: Table) -> RenderableType:
    """A table under a title that may be wider than it is."""
    return Group(Text(f"\n{title}", style="bold"), table)
