"""The generic loader: any CSV or Parquet through a mapping, and every way in which a file can be awkward."""

import csv
import gzip
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ml.data.landing import partitions, read_source, table_glob
from ml.errors import BadInput
from ml.steps.landing import land

NOW = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS: dict[str, Any] = {
    "event_id": "id",
    "user_id": "user",
    "session_id": "session",
    "item_id": "item",
    "event_type": "event",
    "occurred_at": "time",
}
HEADER = "id,user,session,item,event,time,price\n"
ROW = "e1,u1,s1,i1,view,2025-01-01 12:00:00,1.5\n"


class Shop:
    """A folder with a mapping and its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: dict[str, Any] = {"files": "events.csv", "columns": dict(COLUMNS)}
        self.mapping: dict[str, Any] = {"source": "shop", "interactions": self.events}

    def write(self, text: str | bytes, name: str = "events.csv") -> None:
        content = text.encode() if isinstance(text, str) else text
        (self.folder / name).write_bytes(content)

    def land(self, **options: Any) -> dict[str, Any]:
        path = self.folder / "shop.yaml"
        path.write_text(yaml.safe_dump(self.mapping), encoding="utf-8")
        return land("retail", mapping=path, now=NOW, **options)

    def refused(self) -> str:
        """The message with which this landing is refused; checks that nothing landed."""
        before = partitions("retail")
        with pytest.raises(BadInput) as caught:
            self.land()
        assert partitions("retail") == before
        return str(caught.value)


@pytest.fixture
def shop(home: Path, tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def landed(table: str, columns: str = "*") -> list[Any]:
    with duckdb.connect() as connection:
        order = {"interactions": "occurred_at, event_id"}.get(table, "1")
        query = f"SELECT {columns} FROM read_parquet('{table_glob('retail', table)}') ORDER BY {order}"
        rows = connection.execute(query).fetchall()
    return [row[0] if len(row) == 1 else row for row in rows]


def test_one_row(shop: Shop) -> None:
    shop.write(HEADER + ROW)
    shop.events["columns"]["value"] = "price"
    summary = shop.land()
    assert summary["tables"]["interactions"] == {"rows": 1, "partitions": 1, "new": 1, "reused": 0}
    assert summary["as_of"] == "2025-01-01T12:00:00Z"
    moment = datetime(2025, 1, 1, 12)
    assert landed("interactions") == [("e1", "u1", "s1", "i1", "view", moment, 1.5, *[None] * 7)]


def test_absent_columns_are_recorded(shop: Shop) -> None:
    shop.write(HEADER + ROW)
    del shop.events["columns"]["user_id"]
    shop.mapping["protocol"] = {"unit": "session"}
    shop.land()
    source = read_source("retail")
    assert {"user_id", "known_user", "value", "price", "name", "on_display"} <= set(source.absent)
    assert not {"event_id", "session_id", "item_id"} & set(source.absent)
    assert source.protocol is not None
    assert source.protocol.unit == "session"


def test_landing_without_arguments_repeats_the_last_mapping(shop: Shop) -> None:
    shop.events["files"] = "events-*.csv"
    shop.write(HEADER + ROW, "events-1.csv")
    shop.land()
    shop.write(HEADER + ROW.replace("e1", "e2"), "events-2.csv")
    assert land("retail", now=NOW)["tables"]["interactions"] == {"rows": 2, "partitions": 2, "new": 1, "reused": 1}


def test_a_grown_file_replaces_itself(shop: Shop) -> None:
    shop.write(HEADER + ROW)
    shop.land()
    shop.write(HEADER + ROW + ROW.replace("e1", "e2"))
    assert shop.land()["tables"]["interactions"] == {"rows": 2, "partitions": 1, "new": 1, "reused": 0}


def test_what_can_be_read_lands_and_is_left_to_the_gate(shop: Shop) -> None:
    shop.write(HEADER + ROW + ROW + "e2,,s1,,view,2999-01-01,-4\n")
    shop.events["columns"]["value"] = "price"
    shop.land()
    rows = landed("interactions", "event_id, item_id, value")
    assert rows == [("e1", "i1", 1.5), ("e1", "i1", 1.5), ("e2", None, -4.0)]


@pytest.mark.parametrize(
    ("origin", "written", "expected"),
    [
        ("time", "2025-06-01T10:00:00+02:00", datetime(2025, 6, 1, 8)),
        ("time", "2025-06-01T10:00:00Z", datetime(2025, 6, 1, 10)),
        ("time", "2025-06-01 10:00:00.123456", datetime(2025, 6, 1, 8, 0, 0, 123456)),
        ("time", "2025-12-01", datetime(2025, 11, 30, 23)),
        ({"column": "time", "unit": "s"}, "1433221332", datetime(2015, 6, 2, 5, 2, 12)),
        ({"column": "time", "unit": "s"}, "1433221332.117", datetime(2015, 6, 2, 5, 2, 12, 117000)),
        ({"column": "time", "unit": "ms"}, "1433221332117", datetime(2015, 6, 2, 5, 2, 12, 117000)),
        ({"column": "time", "unit": "us"}, "-1", datetime(1969, 12, 31, 23, 59, 59, 999999)),
    ],
)
def test_times(shop: Shop, origin: object, written: str, expected: datetime) -> None:
    shop.mapping["timezone"] = "Europe/Berlin"
    shop.events["columns"]["occurred_at"] = origin
    shop.write(HEADER + f"e1,u1,s1,i1,view,{written},\n")
    shop.land()
    assert landed("interactions", "occurred_at") == [expected]


def test_a_byte_order_mark_quoted_newlines_and_unicode(shop: Shop) -> None:
    shop.write(b"\xef\xbb\xbf" + (HEADER + '"é ""1""\nx","Zoë",s1,"日本,茶",view,2025-01-01,\n').encode())
    shop.land()
    assert landed("interactions", "event_id, user_id, item_id") == [('é "1"\nx', "Zoë", "日本,茶")]


def test_other_encodings_delimiters_and_marks_of_the_missing(shop: Shop) -> None:
    shop.write((HEADER + ROW.replace("u1", "NA").replace("i1", "thé")).replace(",", ";").encode("latin-1"))
    shop.events |= {"encoding": "latin-1", "delimiter": ";", "missing": ["", "NA"]}
    shop.land()
    assert landed("interactions", "user_id, item_id") == [(None, "thé")]


def test_sixteen_bit_text(shop: Shop) -> None:
    shop.write((HEADER + ROW.replace("u1", "Zoë")).encode("utf-16"))
    shop.events["encoding"] = "utf-16"
    shop.land()
    assert landed("interactions", "event_id, user_id") == [("e1", "Zoë")]


def test_a_compressed_file(shop: Shop) -> None:
    shop.write(gzip.compress((HEADER + ROW).encode()), "events.csv.gz")
    shop.events["files"] = "events.csv.gz"
    shop.land()
    assert landed("interactions", "event_id") == ["e1"]


def test_a_file_name_with_the_letters_of_a_pattern(shop: Shop) -> None:
    shop.write(HEADER + ROW, "export [1] it's.csv")
    shop.events["files"] = "export [1] it's.csv"
    shop.land()
    assert landed("interactions", "event_id") == ["e1"]


def test_ids_keep_their_text_unless_told_to_be_whole_numbers(shop: Shop) -> None:
    shop.write(HEADER + "007,12.0,s1,34.0,view,2025-01-01,\n")
    shop.events["columns"]["item_id"] = {"column": "item", "whole_number": True}
    shop.land()
    assert landed("interactions", "event_id, user_id, item_id") == [("007", "12.0", "34")]


def parquet_shop(shop: Shop, select: str) -> None:
    shop.events["files"] = "events.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({select}) TO '{shop.folder / 'events.parquet'}' (FORMAT parquet)")


PARQUET = (
    "SELECT 1 AS id, 2::DOUBLE AS user, {session} AS session, 4::UTINYINT AS item, 'view' AS event, {time} AS time"
)


def test_parquet_ids_of_any_number_type(shop: Shop) -> None:
    parquet_shop(shop, PARQUET.format(session="3::DECIMAL(9, 2)", time="TIMESTAMPTZ '2025-01-01 01:00:00+01:00'"))
    shop.land()
    assert landed("interactions", "event_id, user_id, session_id, item_id, occurred_at") == [
        ("1", "2", "3", "4", datetime(2025, 1, 1))
    ]


@pytest.mark.parametrize("session", ["1e300::DOUBLE", "1.5::FLOAT", "18014398509481984::DOUBLE"])
def test_floating_point_ids_that_are_no_whole_numbers_are_refused(shop: Shop, session: str) -> None:
    parquet_shop(shop, PARQUET.format(session=session, time="DATE '2025-01-01'"))
    message = shop.refused()
    assert "'session' is no session_id in 1 rows (row 1" in message
    assert "write ids as text" in message


@pytest.mark.parametrize(
    ("time", "change"),
    [
        ("1433221332117", {}),
        ("DATE '2025-01-01'", {"occurred_at": {"column": "time", "unit": "ms"}}),
        ("TIMESTAMP '2025-01-01 00:00:00'", {"value": "time"}),
        ("DATE '20250-01-01'", {}),
    ],
)
def test_parquet_columns_of_another_type_than_mapped_are_refused(
    shop: Shop, time: str, change: dict[str, object]
) -> None:
    shop.events["columns"] |= change
    parquet_shop(shop, PARQUET.format(session="'s'", time=time))
    assert "'time' is no " in shop.refused()


def test_sessions_by_inactivity(shop: Shop) -> None:
    moments = ["10:00", "10:29", "10:59", "11:30", "10:00"]
    rows = [f"e{n},{'uv'[n == 4]},,i,view,2025-01-01 {at}:00,\n" for n, at in enumerate(moments)]
    shop.write(HEADER + "".join(reversed(rows)))
    del shop.events["columns"]["session_id"]
    shop.events["session"] = {"gap_minutes": 30}
    shop.land()
    sessions = dict(landed("interactions", "event_id, session_id"))
    start = int(datetime(2025, 1, 1, 10, tzinfo=UTC).timestamp() * 1000)
    assert sessions == {
        "e0": f"u-{start}",
        "e1": f"u-{start}",
        "e2": f"u-{start}",
        "e3": f"u-{start + 90 * 60_000}",
        "e4": f"v-{start}",
    }


def test_made_event_ids_are_unique_and_the_same_every_time(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ["u1,s1,i1,view,2025-01-01", "u1,s1,i1,view,2025-01-01", "u1,s1,i2,view,2025-01-01"]
    del shop.events["columns"]["event_id"]
    found = []
    for attempt, order in enumerate((rows, rows[::-1])):
        shop.write("user,session,item,event,time\n" + "\n".join(order) + "\n")
        monkeypatch.setenv("SLATE_HOME", str(shop.folder / str(attempt)))
        shop.land()
        found.append(landed("interactions", "event_id"))
    assert found[0] == found[1]
    assert len(set(found[0])) == 3


def test_items_users_and_placements(shop: Shop) -> None:
    shop.write(HEADER + ROW)
    shop.write("sku,title,cost\ni1,Tea,2.5\ni2,,\n", "items.csv")
    shop.write("who,age,ok\nu1,30,yes\nu2,,\n", "users.csv")
    shop.write("sku,store,start,seen\ni1,7,2025-01-01,1\n", "shelf.csv")
    shop.mapping |= {
        "items": {"files": "items.csv", "columns": {"item_id": "sku", "name": "title", "price": "cost"}},
        "users": {
            "files": "users.csv",
            "columns": {"user_id": "who", "consent": "ok"},
            "attributes": {"age band": "age"},
        },
        "placements": {
            "files": "shelf.csv",
            "columns": {
                "item_id": "sku",
                "place_id": "store",
                "valid_from": "start",
                "valid_to": {"constant": date(2025, 1, 8)},
                "on_display": "seen",
                "in_mailer": {"constant": False},
            },
        },
    }
    shop.land()
    assert landed("items", "item_id, name, price") == [("i1", "Tea", 2.5), ("i2", None, None)]
    assert [(user, json.loads(known), ok) for user, known, ok in landed("users")] == [
        ("u1", {"age band": "30"}, True),
        ("u2", {}, None),
    ]
    start, end = datetime(2025, 1, 1), datetime(2025, 1, 8)
    assert landed("placements") == [("i1", "7", start, end, True, False)]


def columns(**changes: object) -> Callable[[Shop], None]:
    return lambda shop: shop.events["columns"].update(changes)


@pytest.mark.parametrize(
    ("content", "change", "told"),
    [
        ("", columns(), ["events.csv", "is empty"]),
        (HEADER, columns(), ["shop holds no interaction"]),
        (
            HEADER + ROW,
            columns(item_id="itm"),
            ["events.csv", "columns.item_id", "'itm'", "did you mean 'item'", "price"],
        ),
        ("a,A\n1,2\n", columns(), ["columns of the same name: 'a', 'A'"]),
        (
            HEADER + ROW + "e2,u1,s1,i1,view,yesterday,1\ne3,u1,s1,i1,view,31/12/2025,1\n",
            columns(),
            ["'time' is no occurred_at in 2 rows", "row 2 'yesterday', row 3 '31/12/2025'", "2026-01-31 23:59:59"],
        ),
        (HEADER + ROW, columns(occurred_at={"column": "time", "unit": "ms"}), ["in ms since 1970, or change `unit`"]),
        (
            HEADER + "e1,u1,s1,i1,view,9223372036854775807,\n",
            columns(occurred_at={"column": "time", "unit": "ms"}),
            ["row 1 '9223372036854775807'"],
        ),
        (
            HEADER + "e1,u1,s1,i1,view,1433221332117,\n",
            columns(occurred_at={"column": "time", "unit": "s"}),
            ["row 1 '1433221332117'", "change `unit`"],
        ),
        (HEADER + "e1,u1,s1,i1,view,infinity,\n", columns(), ["row 1 'infinity'"]),
        (HEADER + ROW.replace("1.5", '"1,5"'), columns(value="price"), ["row 1 '1,5'", "decimal point"]),
        (HEADER + ROW.replace("1.5", "nan"), columns(value="price"), ["row 1 'nan'"]),
        (
            HEADER + ROW,
            columns(event_type={"column": "event", "values": {"buy": "purchase"}}),
            ["'event' is no event_type in 1 rows", "row 1 'view'", "add it to `values`"],
        ),
        (HEADER + ROW, columns(item_id={"column": "item", "whole_number": True}), ["row 1 'i1'", "write ids as text"]),
        (HEADER + "e1,u1,s1\n", columns(), ["events.csv", "Line: 2", "`delimiter`"]),
        (HEADER + ROW + ROW.strip() + ",9\n", columns(), ["events.csv", "Line: 3"]),
        (HEADER + ROW + '"e2,u1\n', columns(), ["events.csv", "quotes"]),
        ((HEADER + ROW.replace("u1", "é")).encode("latin-1"), columns(), ["events.csv", "`encoding` (utf-8)"]),
        (HEADER.encode() + ROW.encode() * 9999 + b"\xe9", columns(), ["not utf-8 encoded", "`encoding` (utf-8)"]),
        ("é,b\n".encode("latin-1"), columns(), ["first lines cannot be read", "`encoding` (utf-8)"]),
        ((HEADER + ROW).encode("utf-16"), columns(), ["first lines cannot be read", "`encoding` (utf-8)"]),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(
    shop: Shop, content: str | bytes, change: Callable[[Shop], None], told: list[str]
) -> None:
    shop.write(content)
    change(shop)
    message = shop.refused()
    assert [part for part in told if part not in message] == [], message


def test_a_bad_second_table_lands_nothing_at_all(shop: Shop) -> None:
    shop.write(HEADER + ROW)
    shop.write("sku,cost\ni1,cheap\n", "items.csv")
    shop.mapping["items"] = {"files": "items.csv", "columns": {"item_id": "sku", "price": "cost"}}
    assert "row 1 'cheap'" in shop.refused()


@pytest.mark.parametrize("name", ["events.csv", "no-*.csv"])
def test_a_missing_file(shop: Shop, name: str) -> None:
    shop.events["files"] = name
    assert "there is no such file" in shop.refused()


@pytest.mark.parametrize("name", ["events.parquet", "events.csv.gz", "events.xlsx"])
def test_a_file_that_is_not_what_its_name_says(shop: Shop, name: str) -> None:
    shop.write(HEADER + ROW, name)
    shop.events["files"] = name
    assert name in shop.refused()


def test_rows_are_counted_right_in_a_long_file(shop: Shop) -> None:
    lines = [f"e{n},u1,s1,i1,view,2025-01-01,{n}\n" for n in range(1, 200_001)]
    lines[149_999] = lines[149_999].replace("2025-01-01", "never")
    shop.write(HEADER + "".join(lines))
    assert "(row 150,000 'never')" in shop.refused()


# The contract's text columns are UTF-8: no lone surrogates, and no zero byte, which Parquet readers disagree on.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12)
MOMENT = st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1))


@hypothesis_settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(
    st.lists(st.tuples(TEXT, TEXT, MOMENT, st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=30)
)
def test_ids_times_and_numbers_survive_the_way_through_a_csv(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, rows: list[tuple[str, str, datetime, float]]
) -> None:
    folder = shop.folder / f"{len(list(shop.folder.iterdir()))}"
    folder.mkdir()
    monkeypatch.setenv("SLATE_HOME", str(folder / "home"))
    again = Shop(folder)
    again.events["columns"] |= {"value": "price"}
    with (folder / "events.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
        writer.writerow(HEADER.strip().split(","))
        for number, (user, item, moment, price) in enumerate(rows):
            writer.writerow([number, user, "s", item, "view", moment.isoformat(), repr(price)])
    again.land()
    found = landed("interactions", "event_id, user_id, item_id, occurred_at, value")
    expected = [(str(number), *row) for number, row in enumerate(rows)]
    assert sorted(found) == sorted(expected)


def test_items_land_with_their_attributes(shop: Shop) -> None:
    shop.write(HEADER + ROW)
    shop.write("sku,colour\ni1,red\ni2,\n", "items.csv")
    shop.mapping["items"] = {"files": "items.csv", "columns": {"item_id": "sku"}, "attributes": {"colour": "colour"}}
    shop.land()
    assert landed("items", "item_id, attributes") == [("i1", '{"colour":"red"}'), ("i2", "{}")]
    assert "attributes" not in read_source("retail").absent


def test_states_of_users_land_with_their_attributes(shop: Shop) -> None:
    shop.write(HEADER + ROW)
    shop.write("who,since,plan\nu1,2025-01-01,basic\nu1,2025-02-01,\n", "states.csv")
    columns = {"user_id": "who", "valid_from": "since"}
    shop.mapping["user_states"] = {"files": "states.csv", "columns": columns, "attributes": {"plan": "plan"}}
    shop.land()
    first, second = datetime(2025, 1, 1), datetime(2025, 2, 1)
    assert landed("user_states") == [("u1", first, '{"plan":"basic"}'), ("u1", second, "{}")]
