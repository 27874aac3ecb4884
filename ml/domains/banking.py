"""Banking: a retail bank whose customers add products to those they have, month by month."""

from ml.domains.banking_facts import ITEM_FACTS, USER_FACTS
from ml.domains.banking_rules import BANKING_ELIGIBILITY
from ml.domains.campaigns import Campaigns
from ml.domains.domain import DataRules, Domain, Fairness, Gate, Holdings, Protocol
from ml.domains.placements import Objective, Placement
from ml.domains.reranking import Boost, Declined, Diversity, Exploration, Reranking, Risk

BANKING = Domain(
    name="banking",
    title="Retail bank",
    loader="santander",
    generator="santander",
    user_noun="customer",
    # In the contract's words (dbt_project/models/staging/banking): to add a product is a purchase.
    event_weights={
        "purchase": 1.0,
        "hold": 0.5,
        "apply": 0.6,
        "start_application": 0.4,
        "calculate": 0.3,
        "view": 0.1,
    },
    target_events=("purchase",),
    # Of the site's sessions; an application may be made in a branch as well, and what was taken is in the snapshots.
    online_events=("view", "calculate", "start_application"),
    holdings=Holdings(begin=("purchase", "hold"), end=("drop",)),
    outputs="new",
    user_facts=USER_FACTS,
    item_facts=ITEM_FACTS,
    guarded_categories=("credit",),
    eligibility=BANKING_ELIGIBILITY,
    fairness=Fairness(),
    campaigns=Campaigns(
        asked=("apply",), granted=("approve",), looked=("view", "calculate", "start_application"), contacts=("contact",),
        segments={"segment": (), "age": (25, 35, 45, 55, 65)},
    ),
    reranking=Reranking(
        pool=24,
        maximum_per_category=4,
        diversity=Diversity(weight=0.05),
        boosts={
            "margin": Boost(reads="margin", strength=0.03, full_at=0.05),
            "new": Boost(reads="launched_at", strength=0.05, within_days=180),
        },
        maximum_boost=0.05,
        declined=Declined(events=("decline",), days=90),
        risk=Risk(fact="risk_level", conservative_maximum=2, tolerant_minimum=3),
        exploration=Exploration(slots=1, temperature=0.1),
    ),
    # Snapshots are monthly, and seasons need most of a year to learn from.
    protocol=Protocol(cadence_months=1, ranker_cadences=2, validation_cadences=1, test_cadences=4),
    # Every product is scored, so each retriever is an opinion for the ranker rather than a filter.
    quotas=dict.fromkeys(
        ("classifiers", "logistic", "segment_popularity", "item_to_item", "als", "popularity", "attribute_towers", "hrnn"), 24
    ),
    on_request=("attribute_towers", "hrnn"),
    maximum_candidates=24,
    baselines=("segment_popularity", "item_to_item", "logistic", "popularity"),
    slate_size=7,
    placements={
        "home": Placement(size=7, description="The first page of the site or the app, for whoever signs in."),
        "product_page": Placement(
            size=3, anchored=True, objective=Objective(boosts={"new": 2.0}, diversity=0.2),
            description="Beside one product: what people take with it.",
        ),
        "email": Placement(size=3, channel="email", description="A letter to those who agreed to letters."),
        "phone": Placement(
            size=2, channel="phone", objective=Objective(boosts={"margin": 0.0}, explores=False),
            description="What an adviser may offer on the phone.",
        ),
        "off_site": Placement(
            size=2, channel="app", objective=Objective(explores=False),
            description="A message outside of the site, to those who agreed to it.",
        ),
    },
    registered_model="banking-slate",
    example_users=("46012", "42354", "46899"),  # of those that the demo generates
    gate=Gate(metric="map@7"),
    data_rules=DataRules(
        event_types=(
            # "add" is the source's word, "purchase" the contract's: the gates before and after dbt read either.
            "hold", "add", "purchase", "drop", "view", "calculate", "start_application", "contact",
            "apply", "approve", "refuse", "withdraw", "decline",
        )
    ),
    retrain_schedule="0 3 1 * *",
    monitor_schedule="0 6 1 * *",
)  # fmt: skip
