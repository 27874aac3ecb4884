import itertools

import pytest
from happenings import redis_server

from ml.serving.online.lmdb_store import LmdbStore
from ml.serving.online.redis_store import RedisStore

NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def server():
    with redis_server() as server:
        yield server


@pytest.fixture(params=["lmdb", "redis"])
def make_store(request, tmp_path):
    """Makes stores, each an empty one; closes them."""
    made = []

    def make(**options):
        if request.param == "lmdb":
            store = LmdbStore(tmp_path / f"store-{next(NUMBERS)}", **options)
        else:
            server = request.getfixturevalue("server")
            store = RedisStore(server.url, f"test:{{{next(NUMBERS)}}}", seconds=30.0, **options)
        made.append(store)
        return store

    yield make
    for store in made:
        store.close()


@pytest.fixture
def store(make_store):
    return make_store()
