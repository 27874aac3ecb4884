"""Declarations are checked before anything is computed from them, and say what a source can supply."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ml.data.schema import absent_columns
from ml.errors import BadInput
from ml.features.declarations import load_declarations, made_without, supplied

COUNT = {"aggregation": "count", "events": ["purchase"], "description": "Purchases ever."}
RATIO = {"aggregation": "ratio", "description": "One over the other."}


def declared(tmp_path: Path, **features: dict[str, Any]) -> Path:
    """A project file with these features of users."""
    path = tmp_path / "dbt_project.yml"
    user = {"mart": "user_features", "keys": ["user_id"], "features": features}
    category = {"mart": "int_category_features", "keys": ["category"], "features": {"purchases": COUNT}}
    path.write_text(yaml.safe_dump({"vars": {"features": {"category": category, "user": user}}}, sort_keys=False))
    return path


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (COUNT | {"window_days": 7, "half_life_days": 7}, r"user\.wrong: .*keep one"),
        (COUNT | {"windows_days": 7}, r"user\.wrong\.windows_days: Extra inputs"),
        (COUNT | {"aggregation": "median"}, r"user\.wrong: .*'count'"),
        (COUNT | {"events": []}, r"user\.wrong\.events: "),
        (COUNT | {"requires": ["prize"]}, r"user\.wrong requires prize, which no landing table has"),
        (COUNT | {"aggregation": "days_since_last", "where": "opens_pair"}, "only count and sum may count firsts"),
        (COUNT | {"aggregation": "sum", "of": "price"}, r"user\.wrong\.of: Input should be 'value'"),
        (RATIO | {"numerator": "purchases", "denominator": "sessions"}, "sessions, which must be declared above it"),
        (RATIO | {"numerator": "purchases", "denominator": "shop.purchases"}, "shop.purchases, which is not declared"),
        (RATIO | {"numerator": "purchases", "denominator": "category.purchases"}, "last_value features category above"),
    ],
)
def test_a_wrong_declaration_is_named_with_its_remedy(tmp_path: Path, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        load_declarations(declared(tmp_path, purchases=COUNT, wrong=wrong))


def test_a_right_declaration_is_read(tmp_path: Path) -> None:
    category = {"aggregation": "last_value", "of": "category", "events": ["purchase"], "internal": True,
                "description": "The last category."}  # fmt: skip
    share = RATIO | {"numerator": "purchases", "denominator": "category.purchases"}
    user = load_declarations(declared(tmp_path, purchases=COUNT, category=category, share=share))["user"]
    assert list(user.features) == ["purchases", "category", "share"]
    assert list(user.published) == ["purchases", "share"]


def test_a_feature_needs_what_its_parts_need() -> None:
    entities = load_declarations()
    everything = supplied(entities, (), ("purchase", "view", "add_to_basket"))
    assert {"price_trend", "brand_share_of_category", "display_share", "views"} <= set(everything["item_features"])
    assert everything["item_placements"] == ["on_display", "in_mailer"]
    without_value = supplied(entities, ("value",), ("purchase",))
    assert {"price_trend", "average_price", "discount_depth", "views"}.isdisjoint(without_value["item_features"])
    without_brand = supplied(entities, ("brand",), ("purchase",))
    assert "brand_share_of_category" not in without_brand["item_features"]
    assert "share_of_category" in without_brand["item_features"]


def test_a_source_of_anonymous_clicks_supplies_what_clicks_say() -> None:
    absent = absent_columns({"interactions": ("event_id", "session_id", "item_id", "event_type", "occurred_at")})
    found = supplied(load_declarations(), absent, ("view",))
    assert all("view" in name for name in found.pop("item_features"))
    assert not any(found.values())


def test_a_feature_goes_with_the_events_that_it_or_any_of_its_parts_is_made_from() -> None:
    entities = load_declarations()
    kept = made_without(entities, ("view",))
    assert {"purchases", "overdue", "spend"} <= kept["user_features"]
    assert not {"views", "purchases_per_view", "view_trend"} & (kept["user_features"] | kept["item_features"])
    assert "session_share" in kept["user_item_features"]  # made of another entity's feature, of purchases too
    without_purchases = made_without(entities, ("purchase",))
    assert not {"purchases_per_view", "session_share", "share_of_user"} & set.union(*without_purchases.values())
    assert "views" in without_purchases["user_features"]
    assert "display_share" in without_purchases["item_features"]
    assert made_without(entities, ()) == {entity.mart: set(entity.features) for entity in entities.values()}
