"""Items as serving takes them in: what a request tells, checked, and what the store keeps of it."""

import json
from collections.abc import Iterable
from pathlib import Path

from ml.data.new_items import NewItem, merged
from ml.errors import BadInput

__all__ = ["NewItem", "kept_items", "merged", "told_in"]


def kept_items(told: Iterable[tuple[int, str, bytes]]) -> list[NewItem]:
    """The items that `Store.items_since` returned, in the order in which they were told."""
    return [NewItem.of_json(each) for _, _, each in sorted(told, key=lambda entry: entry[0])]


def told_in(file: Path) -> list[tuple[int, str, bytes]]:
    """The items of a file of JSON lines, as `Store.items_since` returns them.

    Raises:
        BadInput: There is no such file, or a line is no item: names the line, the field and what is wrong.
    """
    if not file.is_file():
        raise BadInput(f"{file}: there is no such file; write one JSON object a line, with item_id")
    lines = [(number, line) for number, line in enumerate(file.read_text("utf-8").splitlines(), 1) if line.strip()]
    return [(number, item.item_id, item.as_json()) for number, line in lines for item in [_item(file, number, line)]]


def _item(file: Path, number: int, line: str) -> NewItem:
    try:
        body = json.loads(line)
        return NewItem.told(str(body.get("item_id", "")), body)
    except AttributeError:
        raise BadInput(f"{file}, line {number}: is no JSON object") from None
    except (BadInput, json.JSONDecodeError) as error:
        raise BadInput(f"{file}, line {number}: {error}") from None
