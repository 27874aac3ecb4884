"""Reads a whole LMDB store and exits with 1 where anything in it is wrong: `python lmdb_check.py DIR`.

It runs as a process of its own, since LMDB may end the process that reads a corrupt file; so that it starts fast, it
imports nothing of Slate.
"""

import sys
from zlib import crc32

import lmdb

TABLES = ("feed", "users", "heads", "seen", "items", "item_feed", "erased", "meta")
FORMAT = b"1"


def check(folder: str) -> str | None:
    """What is wrong with a store; None: nothing."""
    counts = {}
    with (
        lmdb.open(folder, readonly=True, lock=False, create=False, max_dbs=len(TABLES)) as environment,
        environment.begin() as transaction,
    ):
        for name in TABLES:
            table = environment.open_db(name.encode(), transaction, create=False)
            counts[name] = 0
            for key, value in transaction.cursor(table):
                counts[name] += 1
                if name == "feed" and value[:4] != crc32(value[4:]).to_bytes(4, "big"):
                    return f"entry {int.from_bytes(key, 'big')} has another checksum"
                if name == "meta" and key == b"format" and value != FORMAT:
                    return f"another version of Slate wrote it ({value!r})"
            if counts[name] != transaction.stat(table)["entries"]:
                return f"{name} has lost entries"
    if counts["users"] != counts["feed"] or counts["heads"] > counts["users"] + counts["erased"]:
        return "its tables do not agree"
    return None


if __name__ == "__main__":
    try:
        found = check(sys.argv[1])
    except lmdb.Error as error:
        found = str(error)
    if found:
        sys.stderr.write(f"{found}\n")
        sys.exit(1)
