"""Items as serving takes them in: what a request tells, checked, and what the store keeps of it."""

from collections.abc import Iterable

from ml.data.new_items import NewItem, merged

__all__ = ["NewItem", "kept_items", "merged"]


def kept_items(told: Iterable[tuple[int, str, bytes]]) -> list[NewItem]:
    """The items that `Store.items_since` returned, in the order in which they were told."""
    return [NewItem.of_json(each) for _, _, each in sorted(told, key=lambda entry: entry[0])]
