"""Requests and answers as /docs shows them."""

from typing import Any

SLATE_REQUESTS: dict[str, Any] = {
    "a user": {"user_id": "900", "placement": "home", "k": 2, "context": {"device": "phone"}},
    "a session that nobody signed in to": {
        "session_id": "s-7",
        "session": [{"item_id": "1029743", "event_type": "view", "occurred_at": "2026-03-01T10:00:00Z"}],
        "placement": "home",
        "exclude": ["1082185"],
    },
}
SLATE: dict[str, Any] = {
    "slate_id": "0195f0c2a7d84c0e",
    "model_version": 3,
    "degraded": None,
    "items": [
        {
            "item_id": "995242", "position": 1, "score": 0.83, "propensity": 1.0,
            "sources": ["personal_frequency", "popularity"], "reasons": ["bought before"],
        },
        {
            "item_id": "1133018", "position": 2, "score": 0.41, "propensity": 0.07,
            "sources": ["two_tower"], "reasons": [],
        },
    ],
    "timings_ms": {"features": 0.4, "retrieve": 1.1, "rank": 2.0, "rerank": 0.6},
    "features_as_of": 1772355899000000,
    "shortfall": None,
    "removed": {"excluded": 1},
    "rules": [],
}  # fmt: skip
_EVENT = {
    "event_id": "e-1",
    "user_id": "900",
    "session_id": "s-8",
    "item_id": "995242",
    "event_type": "purchase",
    "occurred_at": "2026-03-01T10:05:00+01:00",
    "value": 2.49,
    "quantity": 1,
    "slate_id": "0195f0c2a7d84c0e",
}
EVENTS: dict[str, Any] = {"one event": _EVENT, "several": [_EVENT, {**_EVENT, "event_id": "e-2", "item_id": "1133018"}]}
RECEIPT = {"accepted": 1, "duplicates": 1}
SIMILAR = {"items": [{"item_id": "1133018", "name": "Milk", "score": 0.92, "sources": ["two_tower"]}]}
ITEMS: dict[str, Any] = {
    "price and stock": {"price": 2.29, "stock": 140},
    "a new item": {"name": "Oat milk", "category": "milk", "price": 1.99, "launched_at": "2026-03-01T00:00:00Z"},
}
PUT_ITEM = {"item_id": "995242", "known_before": True, "sequence": 18}
ERASED = {"erased": True, "sequence": 19, "pending": "slate erase --pending"}
READY = {"status": "ready", "versions": {"shop": 3}}
METRICS = 'slate_slates_total{degraded="none",domain="shop",placement="home",shortfall="none"} 1204.0\n'
REFUSAL = {
    "error": {
        "field": "placement",
        "message": "there is no placement 'hom'",
        "remedy": "Name one of: basket, home.",
    }
}
