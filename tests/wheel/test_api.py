import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import httpx
import pytest

from ml.errors import RunFailed
from ml.wheel.api import AirflowApi

ADDRESS = "http://127.0.0.1:8080"


def api_that_answers(answers):
    """A client of an Airflow that gives these answers by method and path, and keeps what it was asked."""
    asked = []

    def handle(request):
        asked.append(request)
        answer = answers[request.method, request.url.path]
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    api = AirflowApi(ADDRESS, "admin", "secret", transport=httpx.MockTransport(handle))
    return api, asked


START = datetime(2018, 1, 1, tzinfo=UTC)
HEALTHY = {"scheduler": {"status": "healthy"}}


def test_it_logs_in_once_airflow_is_healthy():
    answers = {("GET", "/api/v2/monitor/health"): HEALTHY, ("POST", "/auth/token"): {"access_token": "abc"}}
    api, asked = api_that_answers(answers | {("GET", "/api/v2/importErrors"): {"import_errors": []}})
    assert api.ready()
    assert api.ready()
    assert api.import_errors(START) == []
    assert [request.url.path for request in asked].count("/auth/token") == 1
    assert asked[-1].headers["Authorization"] == "Bearer abc"


def test_it_waits_for_the_scheduler():
    api, asked = api_that_answers({("GET", "/api/v2/monitor/health"): {"scheduler": {"status": None}}})
    assert not api.ready()
    assert len(asked) == 1


def test_an_airflow_that_does_not_answer_yet_is_not_ready():
    def refuse(request):
        raise httpx.ConnectError("connection refused")

    assert not AirflowApi(ADDRESS, "admin", "secret", transport=httpx.MockTransport(refuse)).ready()


def api_that_is_busy(times: int, error: httpx.TransportError | None = None) -> tuple[AirflowApi, list[httpx.Request]]:
    """A client of an Airflow that does not answer in time, or hangs up, so many times."""
    asked = []

    def handle(request):
        asked.append(request)
        if len(asked) <= times:
            raise error or httpx.ReadTimeout("timed out")
        return httpx.Response(200, json={"state": "running", "dag_run_id": "r"})

    return AirflowApi(ADDRESS, "admin", "secret", transport=httpx.MockTransport(handle)), asked


def test_what_only_reads_is_asked_again_where_airflow_is_busy():
    api, asked = api_that_is_busy(3)
    assert api.run_state("d", "r") == "running"
    assert len(asked) == 4


def test_what_only_reads_is_asked_again_where_airflow_hangs_up(monkeypatch):
    monkeypatch.setattr("ml.wheel.api.PAUSE_SECONDS", 0.0)
    api, asked = api_that_is_busy(2, httpx.ReadError("connection reset by peer"))
    assert api.run_state("d", "r") == "running"
    assert len(asked) == 3


class Patient(BaseHTTPRequestHandler):
    """Answers, would keep connections open, and notes those that there were."""

    protocol_version = "HTTP/1.1"
    connections: ClassVar[set[int]] = set()

    def do_GET(self):
        self.connections.add(self.client_address[1])
        body = b'{"state": "running"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


def test_each_request_has_a_connection_of_its_own_so_that_none_runs_into_one_that_is_being_closed():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Patient)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    api = AirflowApi(f"http://127.0.0.1:{server.server_port}", "admin", "secret")
    try:
        assert [api.run_state("d", "r") for _ in range(3)] == ["running"] * 3
    finally:
        server.shutdown()
        server.server_close()
    assert len(Patient.connections) == 3


def test_an_airflow_that_never_answers_is_an_error_that_says_so():
    api, asked = api_that_is_busy(1_000)
    with pytest.raises(RunFailed, match="did not answer GET /dags/d/dagRuns/r in 10 attempts of at most 30 s"):
        api.run_state("d", "r")
    assert len(asked) == 10


def test_a_run_is_started_once_however_busy_airflow_is():
    api, asked = api_that_is_busy(1)
    with pytest.raises(httpx.ReadTimeout):
        api.trigger("d", {})
    assert len(asked) == 1


def test_what_an_earlier_airflow_read_does_not_count():
    old, new = "2017-12-31T23:59:59Z", "2018-01-01T00:00:01Z"
    dags = [{"dag_id": "old", "last_parsed_time": old}, {"dag_id": "new", "last_parsed_time": new}]
    errors = [
        {"filename": name, "stack_trace": "SyntaxError", "timestamp": at} for name, at in [("a", old), ("b", new)]
    ]
    api, _ = api_that_answers(
        {("GET", "/api/v2/dags"): {"dags": dags}, ("GET", "/api/v2/importErrors"): {"import_errors": errors}}
    )
    assert api.dags(START) == {"new"}
    assert api.import_errors(START) == ["b: SyntaxError"]


EVENTS = ("GET", "/api/v2/assets/events")
RUN = {"dag_id": "shop__train", "run_id": "asset_triggered__1"}


@pytest.mark.parametrize(
    ("answer", "caused"),
    [
        ({"asset_events": []}, None),
        ({"asset_events": [{"created_dagruns": []}]}, []),
        ({"asset_events": [{"created_dagruns": [RUN]}]}, [("shop__train", "asset_triggered__1")]),
        (httpx.Response(500), []),
    ],
    ids=["no update", "no run yet", "a run", "a queued run breaks the answer"],
)
def test_runs_caused_by_an_asset(answer, caused):
    api, asked = api_that_answers({EVENTS: answer})
    assert api.runs_caused_by("shop__features", "manual__1") == caused
    assert dict(asked[0].url.params) == {"source_dag_id": "shop__features", "source_run_id": "manual__1"}


def test_runs_under_way_are_asked_for_by_their_state():
    api, asked = api_that_answers(
        {("GET", "/api/v2/dags/shop__train/dagRuns"): {"dag_runs": [{"dag_run_id": "manual__1"}]}}
    )
    assert api.running("shop__train") == ["manual__1"]
    assert dict(asked[0].url.params) == {"state": "running"}


def test_tasks_have_their_state_and_times():
    task = {"task_id": "land", "state": None, "start_date": None, "end_date": None, "try_number": 0}
    done = task | {"state": "success", "start_date": "2018-01-01T00:00:00Z", "end_date": "2018-01-01T00:00:02.5Z"}
    path = "/api/v2/dags/shop__features/dagRuns/r1/taskInstances"
    api, _ = api_that_answers({("GET", path): {"task_instances": [task, done]}})
    waiting, ended = api.tasks("shop__features", "r1")
    assert (waiting.state, waiting.seconds, waiting.attempt) == ("waiting", 0.0, 1)
    assert (ended.state, ended.seconds) == ("success", 2.5)


def test_a_log_is_read_with_its_exception_and_without_folds():
    lines = [
        {"event": "::group::Pre Execute"},
        {"event": "landing"},
        {"event": "Task failed", "error_detail": [{"exc_type": "RunFailed", "exc_value": "row 3: a negative price"}]},
    ]
    task = {"task_id": "land", "state": "failed", "start_date": None, "end_date": None, "try_number": 2}
    folder = "/api/v2/dags/shop__features/dagRuns/r1/taskInstances"
    answers = {("GET", folder): {"task_instances": [task]}, ("GET", f"{folder}/land/logs/2"): {"content": lines}}
    api, _ = api_that_answers(answers)
    (failed,) = api.tasks("shop__features", "r1")
    assert api.task_log(failed) == ["landing", "Task failed\nRunFailed: row 3: a negative price"]
