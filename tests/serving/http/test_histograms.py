"""Our own histograms tell Prometheus what its client's would."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from ml.serving.http.histograms import Histograms

BOUNDS = (0.001, 0.01, 0.1, 1.0)
VALUES = st.one_of(st.sampled_from(BOUNDS), st.floats(0, 10))
SEEN = st.lists(st.tuples(st.sampled_from(["home", "basket"]), st.sampled_from(["200", "503"]), VALUES))


def text(registry: CollectorRegistry) -> list[str]:
    lines = generate_latest(registry).decode().splitlines()
    return sorted(line for line in lines if "_created" not in line)  # when it was first counted


@given(SEEN)
def test_they_tell_what_the_clients_own_tell(seen):
    own, other = CollectorRegistry(), CollectorRegistry()
    ours = Histograms("seconds", "Time.", ("place", "status"), BOUNDS)
    own.register(ours)
    theirs = Histogram("seconds", "Time.", ("place", "status"), registry=other, buckets=BOUNDS)
    for place, status, value in seen:
        ours.observe((place, status), value)
        theirs.labels(place, status).observe(value)
    assert text(own) == text(other)
