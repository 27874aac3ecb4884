"""A third domain, declared for the tests alone: a music service whose listeners save tracks to a library."""

from ml.domains import DataRules, Domain

MUSIC = Domain(
    name="music",
    title="Music service",
    user_noun="listener",
    event_weights={"purchase": 1.0, "view": 0.2, "skip": 0.0},
    target_events=("purchase",),
    quotas={"item_to_item": 24, "popularity": 12},
    baselines=("popularity",),
    registered_model="music-slate",
    data_rules=DataRules(event_types=("play", "save", "skip", "view", "purchase"), volume_rule_starts_at=20),
)
