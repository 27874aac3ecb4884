"""Retail: shops whose customers view, put in baskets and buy."""

from ml.domains.domain import DataRules, Domain, Protocol
from ml.domains.placements import Objective, Placement
from ml.domains.reranking import Boost, Declined, Diversity, Exploration, Reranking, Stock

RETAIL = Domain(
    name="retail",
    title="Retail",
    loader="complete_journey",
    user_noun="household",
    event_weights={"view": 0.1, "add_to_basket": 0.4, "purchase": 1.0, "adjustment": 0.0},
    target_events=("purchase",),
    # Complete Journey's timestamps are UTC, its shops keep the time of the eastern United States.
    protocol=Protocol(day_starts_at_hour=5),
    quotas={
        "personal_frequency": 150,
        "tifu_knn": 150,
        "two_tower": 150,
        "als": 100,
        "item_to_item": 100,
        "popularity": 100,
        "content": 50,
        "basket": 100,
        "hrnn": 100,
    },
    on_request=("hrnn",),  # it takes a minute and added nothing to the recommender: docs/sessions.md
    baselines=("personal_then_popular", "tifu_knn", "item_to_item", "als", "popularity"),
    placements={
        "home": Placement(size=10, description="The first page, for whoever comes."),
        "product_page": Placement(
            size=8, anchored=True, retrievers=("basket", "item_to_item", "content", "two_tower", "popularity"),
            objective=Objective(boosts={"new": 2.0}, diversity=0.1),
            description="Beside one product: what goes with it.",
        ),
        "basket": Placement(
            size=6, retrievers=("basket", "item_to_item", "personal_frequency", "tifu_knn", "popularity"),
            objective=Objective(boosts={"margin": 2.0}), description="Beside the basket: what is still missing from it.",
        ),
        # Complete Journey knows nobody's consent: a shop that does declares a rule of it, and these channels.
        "email": Placement(size=12, objective=Objective(diversity=0.1), description="A letter that was subscribed to."),
        "off_site": Placement(
            size=4, retrievers=("two_tower", "als", "popularity", "content"), objective=Objective(explores=False),
            description="An advertisement on another site, which shows nothing of a person's purchases.",
        ),
    },
    registered_model="retail-slate",
    example_users=("900", "1228", "1762"),
    # Nothing is left out for having been bought lately: a grocer lives of what is bought every week.
    reranking=Reranking(
        maximum_per_category=4,
        diversity=Diversity(weight=0.05),
        boosts={
            "margin": Boost(reads="margin", strength=0.03, full_at=0.4),
            "new": Boost(reads="launched_at", strength=0.05, within_days=60),
        },
        maximum_boost=0.05,
        stock=Stock(),
        declined=Declined(events=("decline",), days=60),
        exploration=Exploration(slots=1, temperature=0.1),
        feeds={"complete_journey": "synthetic_shop"},
    ),
    data_rules=DataRules(event_types=("view", "add_to_basket", "purchase", "adjustment", "decline")),
)  # fmt: skip
