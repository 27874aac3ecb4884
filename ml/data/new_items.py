"""Items that somebody tells of between two landings: validated, as one JSON document each, and as the marts' rows."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationError

from ml.domains.frozen import Frozen
from ml.errors import BadInput

Text = Annotated[str, Field(max_length=10_000)]


def _aware(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


class NewItem(Frozen):
    """One item as it was told, in the columns of the landing table `items`; what is None was not told."""

    item_id: str = Field(min_length=1, max_length=500)
    name: Text | None = None
    department: Text | None = None
    category: Text | None = None
    subcategory: Text | None = None
    brand: Text | None = None
    manufacturer: Text | None = None
    package_size: Text | None = None
    description: Text | None = None
    price: float | None = Field(None, ge=0, allow_inf_nan=False)
    margin: float | None = Field(None, allow_inf_nan=False)
    stock: float | None = Field(None, ge=0, allow_inf_nan=False, description="Units; 0: the item is not shown.")
    launched_at: Annotated[datetime, AfterValidator(_aware)] | None = None
    attributes: dict[str, Any] | None = Field(None, description="Further facts, without those that are not known.")

    @classmethod
    def told(cls, item_id: str, body: Mapping[str, Any]) -> Self:
        """An item as a request tells it; raises `BadInput` that names the field and what is wrong with it."""
        if body.get("item_id", item_id) != item_id:
            raise BadInput(f"item_id: the body tells of {body['item_id']!r}, the address of {item_id!r}; leave it out")
        try:
            return cls.model_validate({**body, "item_id": item_id})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "item"
            known = ", ".join(cls.model_fields)
            hint = f"; known fields: {known}" if first["type"] == "extra_forbidden" else ""
            raise BadInput(f"{where}: {first['msg']}{hint}") from None

    def over(self, earlier: Self) -> Self:
        """The same item with what was told earlier and is not told now."""
        now = self.model_dump(exclude_none=True)
        return type(self).model_validate({**earlier.model_dump(exclude_none=True), **now})

    def as_json(self) -> bytes:
        """What was told, for `Store.put_item`."""
        return self.model_dump_json(exclude_none=True).encode()

    @classmethod
    def of_json(cls, told: bytes) -> Self:
        """What `as_json` wrote."""
        return cls.model_validate_json(told)

    @property
    def all_attributes(self) -> dict[str, Any]:
        """The attributes as the marts hold them, with the levels of the hierarchy beside the category."""
        levels = {"department": self.department, "subcategory": self.subcategory}
        return {**_present(self.attributes or {}), **_present(levels)}

    def published(self) -> dict[str, Any]:
        """The row of the mart `items` that dbt makes of it (`int_contract__item_versions`)."""
        levels = (self.department, self.category, self.subcategory)
        hierarchy = [level for level in levels if level is not None]
        own_name = None if self.name == self.subcategory else self.name
        words = (*levels, own_name, self.package_size, self.brand, self.description)
        named = (self.name, self.subcategory, self.category, self.department)
        return {
            "item_id": self.item_id,
            "name": next((name for name in named if name is not None), f"Item {self.item_id}"),
            "category_path": hierarchy,
            "category": self.category,
            "brand": self.brand,
            "manufacturer_id": self.manufacturer,
            "package_size": self.package_size,
            "text": " ".join(word for word in words if word is not None),
            "price": self.price,
            "margin": self.margin,
            "stock": self.stock,
            "launched_at": None if self.launched_at is None else self.launched_at.replace(tzinfo=None),
            "attributes": json.dumps(self.all_attributes, ensure_ascii=False),
        }


def _present(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value is not None}


def merged(items: Iterable[NewItem]) -> dict[str, NewItem]:
    """By item_id, in the order in which each was first told of: the latest that is known of it."""
    found: dict[str, NewItem] = {}
    for item in items:
        found[item.item_id] = item.over(found[item.item_id]) if item.item_id in found else item
    return found
