"""Follow one turn of the wheel through Airflow: each run, its tasks as they end, and the run it causes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.status import Status

from ml.errors import RunFailed
from ml.logs import console as standard_error
from ml.wheel.api import UNFINISHED, AirflowApi, TaskState
from ml.wheel.conventions import STAGES, dag_id
from ml.wheel.processes import Services

POLL_SECONDS = 3.0  # each look costs Airflow a tenth of a second of a core
HANDOVER_SECONDS = 60.0
"""How long Airflow may take from an asset's update to the run that follows it."""

ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")
SHOWN = ("success", "failed", "skipped", "up_for_retry", "awaiting_input")
COLOURS = {"success": "green", "failed": "red", "skipped": "dim", "up_for_retry": "yellow"}


@dataclass
class Turn:
    """One turn of the wheel.

    Attributes:
        runs: (DAG, run id) of each stage that ran, in order.
        tasks: Every task of these runs as it ended.
    """

    runs: list[tuple[str, str]] = field(default_factory=list)
    tasks: list[TaskState] = field(default_factory=list)


class Follower:
    """Shows the tasks of runs as they go.

    Args:
        api: Airflow.
        services: Checked at each look, so that a component that died ends the wait.
        console: Where progress is written.
    """

    def __init__(self, api: AirflowApi, services: Services, console: Console = standard_error) -> None:
        self.api = api
        self.services = services
        self.console = console

    def turn(self, domain: str, conf: dict[str, Any]) -> Turn:
        """Start the features of a domain and follow the chain of assets to the monitor's end.

        A challenger that the gate refuses updates no champion; the monitor is then started by hand, since the
        champion that stands has new data to be compared with.

        Raises:
            RunFailed: A task failed; the message has the end of its log.
        """
        turn = Turn()
        run = self.api.trigger(dag_id(domain, STAGES[0]), conf)
        for stage, following in zip(STAGES, (*STAGES[1:], None), strict=True):
            dag = dag_id(domain, stage)
            turn.runs.append((dag, run))
            turn.tasks += self.finish(dag, run)
            if following is not None:
                run = self.caused_run(dag, run, dag_id(domain, following))
        return turn

    def finish(self, dag: str, run: str) -> list[TaskState]:
        """Wait for the end of a run; returns its tasks."""
        self.console.print(
            f"[bold]{dag}[/bold]  {self.api.address}/dags/{dag}/runs/{run}", highlight=False, soft_wrap=True
        )
        shown: dict[str, tuple[str, int]] = {}
        with self._status() as status:
            while True:
                state = self.api.run_state(dag, run)  # before its tasks, so that none ends unseen
                tasks = self.api.tasks(dag, run)
                for task in sorted(tasks, key=_order):
                    self._show(task, shown)
                if state not in UNFINISHED:
                    break
                status.update(_running(tasks))
                self.services.check()
                time.sleep(POLL_SECONDS)
        if state == "failed":
            raise RunFailed(self.explain(dag, tasks))
        return tasks

    def caused_run(self, dag: str, run: str, following: str) -> str:
        """The run of the following DAG that the assets of this run started, or one started by hand without any.

        A DAG has one run at a time: while somebody else's is under way, this one waits as long as that takes.
        """
        deadline = time.monotonic() + HANDOVER_SECONDS
        told: set[str] = set()
        while time.monotonic() < deadline:
            caused = self.api.runs_caused_by(dag, run)
            if caused is None:
                self.console.print(f"{dag} updated no asset; {following} is started by hand")
                return self.api.trigger(following, {})
            if following in dict(caused):
                return dict(caused)[following]
            if others := self.api.running(following):
                deadline = time.monotonic() + HANDOVER_SECONDS
                self._tell_of(others, told)
            self.services.check()
            time.sleep(POLL_SECONDS)
        raise RunFailed(f"{dag} updated its asset, but {following} did not start within {HANDOVER_SECONDS:.0f} s")

    def _tell_of(self, others: list[str], told: set[str]) -> None:
        """Say, once of each, which runs are waited for."""
        for other in set(others) - told:
            self.console.print(f"waiting for another run to end: {other}", highlight=False, soft_wrap=True)
            told.add(other)

    def explain(self, dag: str, tasks: list[TaskState], lines: int = 30) -> str:
        """Which tasks failed, and the end of the first one's log."""
        failed = sorted((task for task in tasks if task.state == "failed"), key=_order)
        if not failed:
            return f"{dag} failed before any task did"
        end = "\n".join(self.api.task_log(failed[0])[-lines:])
        return f"{dag} failed in {', '.join(task.task for task in failed)}; the end of {failed[0].task}'s log:\n{end}"

    def _show(self, task: TaskState, shown: dict[str, tuple[str, int]]) -> None:
        now = (task.state, task.attempt)
        if task.state not in SHOWN or shown.get(task.task) == now:
            return
        shown[task.task] = now
        text = "waits for a person: see Required actions" if task.state == "awaiting_input" else task.state
        colour = COLOURS.get(task.state, "yellow")
        self.console.print(
            f"  {task.task:<40} [{colour}]{text:<16}[/{colour}] {task.seconds:7.1f} s", highlight=False, soft_wrap=True
        )

    @contextmanager
    def _status(self) -> Iterator[Status]:
        with self.console.status("waiting for Airflow", spinner="line") as status:
            yield status


def _order(task: TaskState) -> tuple[bool, str]:
    return (task.ended is None, task.ended.isoformat() if task.ended else task.task)


def _running(tasks: list[TaskState]) -> str:
    running = [task.task for task in tasks if task.state == "running"]
    ended = sum(task.state in ENDED for task in tasks)
    return f"{ended} of {len(tasks)} tasks ended; running: {', '.join(running) or 'none yet'}"
