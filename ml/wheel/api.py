"""A client of Airflow's REST API: what the driver asks of it, as plain values."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from ml.errors import RunFailed
from ml.logs import get_logger

UNFINISHED = ("queued", "running")
TIMEOUT_SECONDS, ATTEMPTS = 30.0, 10
# A connection each: after an error of its own Airflow hangs up, which a request that is on its way would run into.
CONNECTIONS = httpx.Limits(max_keepalive_connections=0)
PAUSE_SECONDS = 1.0  # before what only reads is asked again after a connection broke
log = get_logger(__name__)


@dataclass(frozen=True)
class TaskState:
    """One task of a run: its state, its times (UTC, None before they come) and its current try."""

    dag: str
    run: str
    task: str
    state: str
    started: datetime | None
    ended: datetime | None
    attempt: int

    @property
    def seconds(self) -> float:
        """How long it ran."""
        return (self.ended - self.started).total_seconds() if self.started and self.ended else 0.0


class AirflowApi:
    """Logs in on first use; every method raises `httpx.HTTPError` where Airflow refuses.

    On a machine that is busy an answer can take longer than anybody would think: what only reads is asked again, and
    `RunFailed` is raised where that does not help either.
    """

    def __init__(self, address: str, user: str, password: str, transport: httpx.BaseTransport | None = None) -> None:
        self.address = address
        self._login = {"username": user, "password": password}
        self._client = httpx.Client(
            base_url=address, timeout=TIMEOUT_SECONDS, limits=CONNECTIONS, trust_env=False, transport=transport
        )

    def ready(self) -> bool:
        """Whether it answers and its scheduler is healthy; logs in when it does."""
        try:
            health = self._client.get("/api/v2/monitor/health").json()
            if health["scheduler"]["status"] != "healthy":
                return False
            if "Authorization" not in self._client.headers:
                answer = self._client.post("/auth/token", json=self._login)
                answer.raise_for_status()
                self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        except httpx.TransportError:
            return False
        return True

    def _get(self, path: str, **options: Any) -> httpx.Response:
        for _ in range(ATTEMPTS):
            try:
                return self._client.get(f"/api/v2{path}", **options)
            except httpx.TimeoutException:
                log.warning("Airflow has not answered for %.0f s; asking again", TIMEOUT_SECONDS)
            except httpx.TransportError as error:
                log.warning("the connection to Airflow broke (%s); asking again", error)
                time.sleep(PAUSE_SECONDS)
        raise RunFailed(
            f"Airflow at {self.address} did not answer GET {path} in {ATTEMPTS} attempts of at most {TIMEOUT_SECONDS:.0f} s: "
            "free the machine of other work and start again; what was made stands"
        )

    def _read(self, path: str, **options: Any) -> Any:
        answer = self._get(path, **options)
        answer.raise_for_status()
        return answer.json()

    def import_errors(self, since: datetime) -> list[str]:
        """The DAG files that Airflow could not read since a moment, with the traceback of each."""
        found = self._read("/importErrors")["import_errors"]
        recent = [error for error in found if datetime.fromisoformat(error["timestamp"]) >= since]
        return [f"{error['filename']}: {error['stack_trace']}" for error in recent]

    def dags(self, since: datetime) -> set[str]:
        """The ids of the DAGs that can run and have been read since a moment."""
        found = self._read("/dags", params={"paused": False, "limit": 100})["dags"]
        return {dag["dag_id"] for dag in found if datetime.fromisoformat(dag["last_parsed_time"]) >= since}

    def trigger(self, dag: str, conf: dict[str, Any]) -> str:
        """Start a run with these parameters; returns its id."""
        wanted = {"logical_date": None, "conf": conf}
        # Asked once: a second time would start a second run.
        answer = self._client.post(f"/api/v2/dags/{dag}/dagRuns", json=wanted, timeout=ATTEMPTS * TIMEOUT_SECONDS)
        answer.raise_for_status()
        return str(answer.json()["dag_run_id"])

    def run_state(self, dag: str, run: str) -> str:
        """`queued`, `running`, `success` or `failed`."""
        return str(self._read(f"/dags/{dag}/dagRuns/{run}")["state"])

    def running(self, dag: str) -> list[str]:
        """The runs of a DAG that are under way."""
        found = self._read(f"/dags/{dag}/dagRuns", params={"state": "running"})
        return [str(each["dag_run_id"]) for each in found["dag_runs"]]

    def tasks(self, dag: str, run: str) -> list[TaskState]:
        """Every task of a run."""
        found = self._read(f"/dags/{dag}/dagRuns/{run}/taskInstances", params={"limit": 100})
        return [
            TaskState(
                dag=dag,
                run=run,
                task=each["task_id"],
                state=each["state"] or "waiting",
                started=_moment(each["start_date"]),
                ended=_moment(each["end_date"]),
                attempt=max(each["try_number"], 1),
            )
            for each in found["task_instances"]
        ]

    def runs_caused_by(self, dag: str, run: str) -> list[tuple[str, str]] | None:
        """The runs (DAG, id) that each asset update of a run has started; None where it updated no asset.

        Airflow 3.3 answers 500 while such a run is queued, because its response demands a start date: that is an
        update whose run is not known yet.
        """
        source = {"source_dag_id": dag, "source_run_id": run}
        answer = self._get("/assets/events", params=source)
        if answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
            return []
        answer.raise_for_status()
        events = answer.json()["asset_events"]
        return [(each["dag_id"], each["run_id"]) for event in events for each in event["created_dagruns"]] or (
            [] if events else None
        )

    def task_log(self, task: TaskState) -> list[str]:
        """The lines of a task's last try."""
        path = f"/dags/{task.dag}/dagRuns/{task.run}/taskInstances/{task.task}/logs/{task.attempt}"
        content = self._read(path, headers={"Accept": "application/json"})["content"]
        lines = [line if isinstance(line, str) else _readable(line) for line in content]
        return [line for line in lines if not line.startswith("::")]  # Airflow's own folds


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _readable(line: dict[str, Any]) -> str:
    """One structured log line, with the exception that it carries."""
    errors = [f"{error['exc_type']}: {error['exc_value']}" for error in line.get("error_detail") or []]
    return "\n".join([str(line.get("event", "")), *errors])
