"""The columns of impressions: a row an item of a slate, whether everybody's slates made at once or one that was served."""

import pyarrow as pa

NAMES = pa.list_(pa.string())
IMPRESSION = pa.schema(
    [
        ("slate_id", pa.string()), ("user_id", pa.string()), ("item_id", pa.string()), ("position", pa.int32()),
        ("score", pa.float32()), ("sources", NAMES), ("propensity", pa.float64()), ("explored", pa.bool_()),
        ("rules", NAMES), ("model_version", pa.int32()), ("shown_at", pa.timestamp("us")), ("clicked", pa.bool_()),
    ]
)  # fmt: skip
"""Of any slate: position from 1, propensity after all rules, rules as `id@version`."""

SERVED_IMPRESSION = pa.schema(
    [
        *IMPRESSION,
        *((name, pa.string()) for name in ("placement", "session_id", "device", "channel", "degraded")),
    ]
)
"""Of a slate that somebody asked for: where it stood, for which visit, and what was left out of it (null: nothing)."""
