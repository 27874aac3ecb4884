import socket
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.errors import BadInput
from ml.serving.load.arrivals import poisson
from ml.serving.load.connections import LOST, post
from ml.serving.load.generator import GIVEN_UP, offer

SLATE = post("/v1/shop/slates", b"{}")


def every(seconds: float, count: int) -> np.ndarray:
    return np.arange(count) * seconds


@given(rate=st.floats(0.5, 5_000), seconds=st.floats(0.1, 20), seed=st.integers(0, 100))
def test_arrivals_keep_their_rate_whatever_it_is(rate, seconds, seed):
    moments = poisson(rate, seconds, seed)
    assert (np.diff(moments) >= 0).all()
    assert moments.size == 0 or 0 <= moments[0] <= moments[-1] < seconds
    assert abs(moments.size - rate * seconds) < 6 * np.sqrt(rate * seconds) + 6
    assert (moments == poisson(rate, seconds, seed)).all()


@pytest.mark.parametrize(("rate", "seconds"), [(0, 1), (-1, 1), (1, 0)])
def test_no_load_is_refused(rate, seconds):
    with pytest.raises(BadInput, match="positive"):
        poisson(rate, seconds, 1)


def test_every_request_is_sent_when_it_is_due_and_answered(little_server):
    offered = offer(
        [little_server()], poisson(1_000, 1.0, 3), lambda _: SLATE, keep=lambda status, body: (status, len(body))
    )
    assert (offered.status == 200).all()
    assert len({*offered.kept}) == 1
    assert (offered.sent >= offered.noticed).all()
    assert (offered.noticed >= offered.intended).all()
    assert (offered.done > offered.sent).all()


def test_waiting_for_a_server_that_stalls_is_not_left_out(little_server):
    # It answers in well under a millisecond, but for 0.4 seconds once: of 1.5 seconds of requests, those of 0.4 wait.
    offered = offer([little_server(0.5, 0.4)], every(0.005, 300), lambda _: SLATE)
    assert (offered.status == 200).all()
    assert (offered.latency > 50).sum() >= 55, "the requests that were due while it stalled"
    assert np.quantile(offered.latency, 0.99) > 300
    assert offered.latency.max() > 350
    # A generator that asks again only once it was answered would have met one slow answer in three hundred.
    assert (offered.latency > 50).mean() > 10 / len(offered.latency)


def test_what_waits_for_a_connection_counts_from_when_it_was_due(little_server):
    # One answer takes 20 ms, and there is one connection: the tenth of ten requests at once waits for 200 ms.
    offered = offer([little_server(capacity=50)], np.zeros(10), lambda _: SLATE, connections=1)
    assert (offered.status == 200).all()
    assert offered.latency.max() > 150
    assert (np.diff(offered.sent) > 0.01).all()


def test_who_waits_for_too_long_goes_away(little_server):
    offered = offer([little_server(capacity=20)], np.zeros(20), lambda _: SLATE, connections=1, patience=0.3)
    assert (offered.status == 200).sum() <= 10
    assert set(offered.status.tolist()) <= {200, GIVEN_UP}
    assert np.isnan(offered.latency[offered.status == GIVEN_UP]).all()


def test_a_server_that_is_not_there_is_a_lost_request():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    offered = offer([address], every(0.01, 5), lambda _: SLATE)
    assert offered.status.tolist() == [LOST] * 5
    assert np.isnan(offered.done).all()


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 404 Not Found\r\ncontent-length:2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Le",
    b"",
])  # fmt: skip
def test_answers_come_in_pieces_in_chunks_and_not_at_all(answer):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1_000)
                for at in range(0, len(answer), 7):
                    connection.sendall(answer[at : at + 7])

        thread = threading.Thread(target=serve)
        thread.start()
        offered = offer([server.getsockname()], np.zeros(1), lambda _: SLATE)
        thread.join()
    whole = answer.endswith((b"\r\n\r\n", b"{}"))
    assert offered.status.tolist() == [int(answer[9:12]) if whole else LOST]


def test_no_requests_are_no_load():
    assert len(offer([("127.0.0.1", 1)], np.zeros(0), lambda _: SLATE).status) == 0
